"""From what a handler returned to the head and body of its answer (F88-F96, F105)."""

from __future__ import annotations

import io
import json
from binascii import a2b_base64
from collections.abc import Callable, Mapping

from .values import ContractError, csv_text, json_text, scalar_text

ENVELOPE_KEYS = frozenset(
    ("status", "statusCode", "headers", "body", "is_base64", "isBase64Encoded", "body_base64", "proxy")
)
TOKEN_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
BINARY = "application/octet-stream"

BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

MAX_CACHED_HEADS = 256
MAX_HEAD_BYTES = 524_288  # leaves room for a whole body in the frame
_MISSING = object()


class Head:
    """The head of an answer, encoded once for all answers that share it."""

    __slots__ = ("complete", "_members")

    def __init__(self, members: bytes) -> None:
        if len(members) > MAX_HEAD_BYTES:
            raise ContractError(f"headers of {len(members)} bytes, limit {MAX_HEAD_BYTES}")
        self._members = members  # JSON without its closing brace
        self.complete = members + b',"end":true}'

    @classmethod
    def of(cls, status: int, lines: list[str], **more: object) -> Head:
        return cls(_utf8(_compact({"status": status, "headers": lines, **more}))[:-1])

    def with_members(self, more: dict[str, str]) -> Head:
        """The same head with what else the gateway is told."""
        return Head(self._members + b"," + _compact(more).encode("utf-8", "replace")[1:-1])

    def open(self, length: int | None = None) -> bytes:
        """The head of an answer that frames follow; `length` of the whole body if it is known."""
        return self._members + (b"}" if length is None else b',"length":%d}' % length)


class StreamedBody:
    """A body that comes in pieces (F163). Its head waits for the first piece, which may decide the type."""

    __slots__ = ("source", "head_for")

    def __init__(self, source: object, head_for: Callable[[str], Head]) -> None:
        self.source = source
        self.head_for = head_for  # takes the type to send if the handler set none


_heads: dict[tuple, Head] = {}


def answer(result: object) -> tuple[Head, bytes] | StreamedBody:
    """What a handler returned, as a head with its body, or as a stream. Raises ContractError (F105)."""
    if type(result) is dict:
        if result.keys().isdisjoint(ENVELOPE_KEYS) or _is_word_status(result):
            return _whole(200, None, JSON, _utf8(json_text(result)))
        return _envelope(result)
    if isinstance(result, str):
        return _whole(200, None, HTML if looks_like_html(result) else TEXT, _utf8(result))
    if isinstance(result, tuple):
        return _from_tuple(result)
    attributes = _envelope_attributes(result)
    if attributes is not None:
        return _envelope(attributes)
    return _from_parts(200, None, result)


def looks_like_html(value: str) -> bool:
    lower = value.lower()
    if "<" not in lower:
        return False
    return lower.lstrip().startswith(("<!doctype html", "<html")) or "<body" in lower or "</html>" in lower


def _from_tuple(result: tuple) -> tuple[Head, bytes] | StreamedBody:
    """F92: (body,), (body, status), (body, status, headers). A named tuple is a list of its values."""
    if hasattr(result, "_fields"):
        return _from_parts(200, None, list(result))
    if not 1 <= len(result) <= 3:
        raise ContractError(f"a tuple of {len(result)} values, expected (body, status, headers)")
    body, status, headers = (*result, *(200, None)[len(result) - 1 :])
    if len(result) == 1 and isinstance(body, str):
        return answer(body)
    return _from_parts(_status(status), headers, body)


def _envelope_attributes(result: object) -> dict | None:
    """F92: an object with the attributes of a response, as the envelope it stands for."""
    if result is None or isinstance(result, (bytes, bytearray, memoryview, int, float, list, set, frozenset)):
        return None
    if isinstance(result, Mapping):
        found = dict(result)
        return None if found.keys().isdisjoint(ENVELOPE_KEYS) or _is_word_status(found) else found
    found = {}
    for key, names in (("status", ("status", "status_code")), ("headers", ("headers",)), ("body", ("body", "content"))):
        for name in names:
            value = getattr(result, name, _MISSING)
            if value is not _MISSING and not callable(value):
                found.setdefault(key, value)
    return None if not found or _is_word_status(found) else found


def _is_word_status(result: Mapping) -> bool:
    """F88: `{"status": "success", …}` is plain data if no other key is an envelope's."""
    status = result.get("status")
    if not isinstance(status, str) or (status.isascii() and status.isdigit()):
        return False
    return len(ENVELOPE_KEYS & result.keys()) == 1


def _envelope(result: Mapping) -> tuple[Head, bytes] | StreamedBody:
    get = result.get
    proxy = get("proxy")
    if proxy is not None:
        if not isinstance(proxy, Mapping):
            raise ContractError("proxy is not a map")
        return Head.of(200, [], proxy=json.loads(json_text(proxy))), b""
    status = get("status")
    if status is None:
        status = get("statusCode")
    if status is None:
        status = 200
    elif type(status) is not int or not 200 <= status <= 599:
        status = _status(status)
    encoded = get("is_base64")
    if encoded is None:
        encoded = get("isBase64Encoded")
    body = _from_base64(result) if encoded is True else get("body")
    return _from_parts(status, get("headers"), body)


def _status(status: object) -> int:
    number = status
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) < 10:
        number = int(status)
    elif isinstance(status, float) and status.is_integer():
        number = int(status)
    if isinstance(number, bool) or not isinstance(number, int) or not 200 <= number <= 599:
        raise ContractError("status is not an integer from 200 to 599")
    return int(number)


def _from_base64(result: Mapping) -> bytes:
    payload = next((result[key] for key in ("body_base64", "base64", "body") if result.get(key) is not None), None)
    if isinstance(payload, str):
        payload = payload.encode("ascii", "replace")
    if not isinstance(payload, (bytes, bytearray)):
        raise ContractError("is_base64 without base64 text in body_base64, base64 or body")
    padding = 2 if payload.endswith(b"==") else payload.endswith(b"=")
    digits = payload[: len(payload) - padding]
    if len(digits) % 4 == 1 or digits.translate(None, BASE64_ALPHABET):
        raise ContractError("is_base64 with a payload that is not base64")
    return a2b_base64(digits + b"==")


def _from_parts(status: int, headers: object, body: object) -> tuple[Head, bytes] | StreamedBody:
    """F91: the body's type decides how it is sent."""
    if isinstance(body, str):
        return _whole(status, headers, TEXT, _utf8(body))
    if body is None:
        return _whole(status, headers, None, b"")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return _whole(status, headers, BINARY, bytes(body))
    if isinstance(body, (bool, int, float)):
        return _whole(status, headers, TEXT, scalar_text(body).encode())
    if not isinstance(body, (dict, list, tuple)) and is_stream(body):
        lines = _for_events(header_lines(headers))
        return StreamedBody(body, lambda kind: Head.of(status, _with_type(lines, kind)))
    if headers and _is_csv(headers):
        return _whole(status, headers, None, _utf8(csv_text(body)))
    return _whole(status, headers, JSON, _utf8(json_text(body)))


def is_stream(body: object) -> bool:
    """F163: iterators and async iterators; files are iterators too."""
    kind = type(body)
    return hasattr(kind, "__next__") or hasattr(kind, "__aiter__") or isinstance(body, io.IOBase)


def _whole(status: int, headers: object, kind: str | None, body: bytes) -> tuple[Head, bytes]:
    key = None
    if not headers and (headers is None or isinstance(headers, dict)):
        key = (status, kind)
    elif type(headers) is dict and all(type(value) is str for value in headers.values()):
        key = (status, kind, *headers.items())  # only text: 1, 1.0 and True are equal keys but different values
    head = _heads.get(key) if key is not None else None
    if head is None:
        head = Head.of(status, _with_type(header_lines(headers), kind))
        if key is not None:
            if len(_heads) >= MAX_CACHED_HEADS:
                _heads.clear()
            _heads[key] = head
    return head, body


def _with_type(lines: list[str], kind: str | None) -> list[str]:
    if kind is None or any(name.lower() == "content-type" for name in lines[::2]):
        return lines
    return [*lines, "Content-Type", kind]


def _for_events(lines: list[str]) -> list[str]:
    """F164: caches and buffers between here and the client would hold events back."""
    named = {name.lower(): value for name, value in zip(lines[::2], lines[1::2], strict=True)}
    if not named.get("content-type", "").strip().lower().startswith("text/event-stream"):
        return lines
    missing = (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
    return [*lines, *(part for line in missing if line[0].lower() not in named for part in line)]


def header_lines(headers: object) -> list[str]:
    """Names and values flat, one pair per line to send (F89), checked as F105 says."""
    if headers is None:
        return []
    if not isinstance(headers, Mapping) and not (hasattr(headers, "items") and hasattr(headers, "keys")):
        raise ContractError("headers are not a map")
    lines: list[str] = []
    for name, value in headers.items():
        if not isinstance(name, str) or not name or not TOKEN_CHARACTERS.issuperset(name):
            raise ContractError("a header name is not a token of RFC 9110")
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                lines += (name, _header_value(one))
    return lines


def _header_value(value: object) -> str:
    if isinstance(value, (bool, int, float)):
        return scalar_text(value)
    if not isinstance(value, str):
        raise ContractError("a header value is not a string, number or boolean")
    if "\r" in value or "\n" in value or "\0" in value:
        raise ContractError("a header value has CR, LF or NUL")
    return value


def _is_csv(headers: object) -> bool:
    for name, value in headers.items() if hasattr(headers, "items") else ():
        if isinstance(name, str) and name.lower() == "content-type" and isinstance(value, str):
            return value.partition(";")[0].strip().lower() == "text/csv"
    return False


def _utf8(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ContractError("text with a lone surrogate cannot be sent as UTF-8") from None


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
