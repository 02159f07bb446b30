"""What handlers that check credentials themselves have in common.

The same functions, by the same names, exist in every language (docs/helpers.md); test/vectors/auth-helpers.json holds them
to one meaning.
"""

from __future__ import annotations

import hmac
import re

_BEARER = re.compile(r"bearer +([\x21-\x7e]+)[ \t]*", re.IGNORECASE)
_SEPARATORS = re.compile(r"[ \t\r\n,]+")
_SCOPE_CLAIMS = ("scope", "scp", "scopes", "permissions")
_NOT_QUOTABLE = re.compile(r"[^\x20-\x7e]")
_NOT_IN_SCOPES = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # RFC 6749, section 3.3


def constant_time_equal(a: str | None, b: str | None) -> bool:
    """Whether two secrets are the same, in a time that tells nothing of either. Never for an empty or absent one."""
    if not (isinstance(a, str) and isinstance(b, str) and a and b):
        return False
    one, other = (hmac.digest(b"fastfn", text.encode("utf-8", "surrogatepass"), "sha256") for text in (a, b))
    return hmac.compare_digest(one, other)


def bearer_token(event: dict) -> str | None:
    """The token of `Authorization: Bearer …`, else None."""
    match = _BEARER.fullmatch((event.get("headers") or {}).get("authorization") or "")
    return match[1] if match else None


def cookies(event: dict) -> dict[str, str]:
    """All cookies by name."""
    found = event.get("cookies")
    return _parse_cookies((event.get("headers") or {}).get("cookie") or "") if found is None else found


def cookie(event: dict, name: str) -> str | None:
    """The value of one cookie, else None."""
    return cookies(event).get(name)


def scopes(claims: dict | None) -> list[str]:
    """What a token's claims allow: `scope`, `scp`, `scopes` and `permissions` together, each once, in their order."""
    if not isinstance(claims, dict):
        return []
    return list(dict.fromkeys(word for name in _SCOPE_CLAIMS for word in _words(claims.get(name))))


def has_scopes(claims: dict | None, all: list[str] | str = (), any: list[str] | str = ()) -> bool:
    """Whether the claims hold every scope of `all` and, where `any` names some, one of them."""
    held = set(scopes(claims))
    needed, options = _required(all, "all"), _required(any, "any")
    return held.issuperset(needed) and (not options or not held.isdisjoint(options))


def unauthorized(realm: str = "fastfn", error: str | None = None) -> dict:
    """A 401 that says how to authenticate; `error` is "invalid_token" for a token that was sent and is not good."""
    return _refusal(401, "unauthorized", {"realm": realm} if error is None else {"realm": realm, "error": error})


def insufficient_scope(needed: list[str] | str, realm: str = "fastfn") -> dict:
    """A 403 that names the scopes that are missing."""
    scope = _NOT_IN_SCOPES.sub("", " ".join(_required(needed, "needed")))
    return _refusal(403, "insufficient_scope", {"realm": realm, "error": "insufficient_scope", "scope": scope})


def _refusal(status: int, error: str, parameters: dict[str, str]) -> dict:
    challenge = ", ".join(f'{name}="{_quotable(value)}"' for name, value in parameters.items())
    headers = {"Content-Type": "application/json", "WWW-Authenticate": f"Bearer {challenge}"}
    return {"status": status, "headers": headers, "body": f'{{"error":"{error}"}}'}


def _quotable(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", _NOT_QUOTABLE.sub("", text))


def _parse_cookies(header: str) -> dict[str, str]:
    """Like the platform itself: no decoding, the last of equal names wins."""
    pairs = (pair.partition("=") for pair in header.split(";"))
    return {name.strip(" \t"): value.strip(" \t") for name, equals, value in pairs if equals}


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [word for word in _SEPARATORS.split(value) if word]
    return [entry for entry in value if isinstance(entry, str) and entry] if isinstance(value, (list, tuple)) else []


def _required(value: object, name: str) -> list[str]:
    """A mistake in a handler's own list must not open it."""
    is_list = isinstance(value, (list, tuple, set, frozenset)) and not [entry for entry in value if not isinstance(entry, str)]
    if not is_list and not isinstance(value, str):
        raise TypeError(f"{name} must be a list of scopes, or a string of them")
    return _words(sorted(value) if isinstance(value, (set, frozenset)) else value)
