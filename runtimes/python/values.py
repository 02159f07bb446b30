"""Values of a handler as text: JSON (F92), CSV (F94), scalars (F91)."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Set

_INFINITE = (math.inf, -math.inf)


class ContractError(Exception):
    """A result that the contract does not allow (F105). The message is ours and holds no user data."""


def json_text(value: object) -> str:
    """Compact JSON, non-ASCII unescaped; NaN and Infinity become null."""
    try:
        return _encode(value)
    except ContractError:
        raise
    except (TypeError, ValueError, RecursionError):
        pass  # a key that is not a string, NaN, a cycle: rare, so looked for only now
    try:
        return _encode(_plain(value))
    except ContractError:
        raise
    except RecursionError:
        raise ContractError("the value refers to itself or is nested too deeply for JSON") from None
    except (TypeError, ValueError):
        raise ContractError("the value cannot be encoded as JSON") from None


def scalar_text(value: object) -> str:
    """Decimal text, `true`/`false`."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return int.__repr__(value)
    return float.__repr__(value) if isinstance(value, float) else str(value)


def csv_text(value: object) -> str:
    """Rows of lists, maps with a header line, scalars one per line; no line end after the last."""
    if isinstance(value, Mapping):
        value = [value]
    rows = list(value) if isinstance(value, (list, tuple, Set)) else [value]
    if not rows:
        return ""
    if isinstance(rows[0], Mapping):
        names = list(rows[0])
        table = [names, *([row.get(name) for name in names] if isinstance(row, Mapping) else [row] for row in rows)]
    else:
        table = [row if isinstance(row, (list, tuple)) else [row] for row in rows]
    return "\n".join(",".join(map(_cell, row)) for row in table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        cell = value
    elif isinstance(value, (bool, int, float)):
        cell = "" if value != value or value in _INFINITE else scalar_text(value)
    else:
        cell = _scalar_object(value)
    if "," in cell or '"' in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _scalar_object(value: object) -> str:
    """A date, Decimal or UUID is its text; anything else is JSON."""
    value = _plain(value)
    return value if isinstance(value, str) else json_text(value)


def _default(value: object) -> object:
    """What the encoder does not know, as what it knows."""
    if isinstance(value, Set):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(type(value), "model_dump"):
        return value.model_dump()
    if hasattr(type(value), "__dataclass_fields__"):
        return {field.name: getattr(value, field.name) for field in sys.modules["dataclasses"].fields(value)}
    if any(_is_a(value, "datetime", name) for name in ("date", "time")):  # a datetime is a date
        return value.isoformat()
    if _is_a(value, "uuid", "UUID"):
        return str(value)
    if _is_a(value, "decimal", "Decimal"):
        return str(value) if value.is_finite() else None
    if _is_a(value, "enum", "Enum"):
        return value.value
    raise ContractError(f"a value of type {type(value).__name__} cannot be encoded as JSON")


def _is_a(value: object, module: str, name: str) -> bool:
    """isinstance without an import: who holds such a value has loaded its module."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def _plain(value: object) -> object:
    """A copy that the encoder takes: finite numbers, keys that are strings, objects resolved."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if value != value or value in _INFINITE else value
    if isinstance(value, dict):
        return {_key(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    return _plain(_default(value))


def _key(key: object) -> object:
    if key is None or isinstance(key, (str, bool, int, float)):
        return key
    plain = _plain(key)
    if isinstance(plain, (str, int)):
        return plain
    raise ContractError(f"a key of type {type(key).__name__} cannot be encoded as JSON")


_JSON = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default, check_circular=False
)
_encode = _JSON.encode
