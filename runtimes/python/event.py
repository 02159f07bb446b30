"""From the raw head of a REQUEST to the event that a handler receives (F74-F84)."""

from __future__ import annotations

import json
import time
from binascii import b2a_base64

from .codec import ProtocolError

# F80: what concerns one connection only, and the platform's own credential.
NOT_FORWARDED = frozenset(
    (
        "x-fn-admin-token",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "proxy-authorization",
        "proxy-connection",
    )
)
SESSION_COOKIES = ("session_id", "sessionid", "sid")

MAX_CACHED_LINES = 1024
MAX_CACHED_LINE = 256  # characters; longer ones (cookies, tokens) seldom come twice


class Event(dict):
    """The event: a plain dict of the fields of F74, and beside them the body's bytes as `raw_body` (F84).

    It is filled at once: C extensions (orjson, pydantic) read a dict's storage and would miss what is made on access.
    """

    __slots__ = ("raw_body",)

    raw_body: bytes

    def __missing__(self, key: object) -> bytes:
        if key == "raw_body":
            return self.raw_body
        raise KeyError(key)


class _Lines(dict):
    """Header line -> (name, value). Most lines of a request came with the request before, so each is parsed once.

    A line that is not forwarded has the name "".
    """

    def __missing__(self, line: str) -> tuple[str, str]:
        pair = _header(line)
        if len(line) <= MAX_CACHED_LINE:
            if len(self) >= MAX_CACHED_LINES:
                self.clear()
            self[line] = pair
        return pair


class EventFactory:
    """Makes the events of one function. `context` is the fixed part of `event.context`, from LOAD or CONTEXT."""

    def __init__(self, context: dict, env: dict[str, str]) -> None:
        self._env = env
        self._header_of = _Lines().__getitem__
        self.set_context(context)

    def set_context(self, context: dict) -> None:
        self.debug = bool(context.get("debug", {}).get("enabled"))
        self._version = context.get("version", "default")
        self._timeout_ms = context.get("timeout_ms", 0)
        self._context = {"request_id": "", **context, "deadline_ms": 0, "gateway": None, "user": None, "trigger": None}
        # The event is the handler's own (F75), so what nests in the context is copied for each.
        self._nested = [(key, value.copy()) for key, value in context.items() if isinstance(value, dict)]

    def make(self, head: bytes, body: bytes, waited: bool) -> Event:
        """The event of one request. `waited`: its deadline counts from now, not from its arrival."""
        try:
            return self._make(head, body, waited)
        except (ValueError, IndexError) as error:
            raise ProtocolError(f"request head: {error}") from None

    def _make(self, head: bytes, body: bytes, waited: bool) -> Event:
        ascii_only = head.isascii()
        request_id, ts, pid, ip, path, extra, count, rest = head.decode("latin-1").split("\0", 7)
        params = {}
        if count != "0":
            *fields, rest = rest.split("\0", 2 * int(count))
            if len(fields) != 2 * int(count):
                raise ValueError(f"{count} parameters in {len(fields)} fields")
            params = dict(zip(fields[::2], fields[1::2], strict=True))
        request_line, *lines = rest.split("\n")
        method, target, _ = request_line.split(" ", 2)
        if target[0] != "/" or "#" in target:
            target = _origin_form(target)
        query_string = ""
        if "?" in target:
            query_string = target[target.index("?") + 1 :]
        query = parse_query(query_string) if query_string else {}
        path = path or target.partition("?")[0]
        if lines.pop() or lines.pop().rstrip("\r"):
            raise ValueError("the header block does not end with an empty line")
        if ascii_only:
            headers = self._headers(lines)
        else:
            headers = join_headers((name, text(value)) for name, value in map(_header, lines))
            params = {text(name): text(value) for name, value in params.items()}
            path, target, query_string = text(path), text(target), text(query_string)

        cookies, session = {}, None
        if "cookie" in headers:
            cookies, session = parse_cookies(headers["cookie"])
        arrival = int(ts)
        context = self._context.copy()
        for key, value in self._nested:
            context[key] = value.copy()
        context["request_id"] = request_id
        context["deadline_ms"] = self._timeout_ms + (int(time.time() * 1000) if waited else arrival)
        context["gateway"] = {"worker_pid": int(pid)}
        event = Event(
            {
                "id": request_id,
                "ts": arrival,
                "method": method,
                "path": path,
                "raw_path": target,
                "query_string": query_string,
                "query": query,
                "params": params,
                "path_params": params,
                "headers": headers,
                "body": None,
                "is_base64": False,
                "cookies": cookies,
                "session": session,
                "client": {"ip": ip, "ua": headers.get("user-agent")},
                "auth": None,
                "version": self._version,
                "env": self._env.copy(),
                "context": context,
            }
        )
        event.raw_body = body
        if body:
            _set_body(event, body)
        if extra:
            _set_extra(event, context, text(extra))
        return event

    def _headers(self, lines: list[str]) -> dict[str, str]:
        headers = dict(map(self._header_of, lines))
        if len(headers) != len(lines) or "connection" in headers:
            return join_headers(map(self._header_of, lines))
        headers.pop("", None)
        return headers


def request_id_of(head: bytes) -> str:
    """The request id alone, for the log lines of what comes before the event."""
    return head[: head.find(b"\0")].decode("latin-1")


def text(latin1: str) -> str:
    """UTF-8 if the bytes are, else Latin-1 code points, which lose nothing (F77, F79)."""
    if latin1.isascii():
        return latin1
    try:
        return latin1.encode("latin-1").decode()
    except UnicodeDecodeError:
        return latin1


def parse_query(query_string: str) -> dict[str, str | list[str]]:
    """F77: one occurrence is a string, repeated ones a list in order; names are literal."""
    query: dict[str, str | list[str]] = {}
    for piece in query_string.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        name, value = _unquote(name), _unquote(value)
        if name not in query:
            query[name] = value
        elif isinstance(known := query[name], list):
            known.append(value)
        else:
            query[name] = [known, value]
    return query


def parse_cookies(raw: str) -> tuple[dict[str, str], dict]:
    """The cookies and the session of a Cookie header (F81)."""
    cookies = {}
    for piece in raw.split(";"):
        name, equals, value = piece.partition("=")
        if equals:
            cookies[name.strip(" \t")] = value.strip(" \t")
    session_id = next((cookies[name] for name in SESSION_COOKIES if name in cookies), None)
    return cookies, {"id": session_id, "raw": raw, "cookies": cookies}


def join_headers(pairs) -> dict[str, str]:
    """Repeated names joined (F79), what concerns the connection left out (F80)."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        if name in headers:
            value = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}"
        headers[name] = value
    headers.pop("", None)
    for named in headers.pop("connection", "").split(","):
        headers.pop(named.strip(" \t").lower(), None)
    return headers


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.removesuffix("\r").partition(":")
    value = value.strip(" \t")
    name = name.lower() if name.isascii() else text(name.encode("latin-1").lower().decode("latin-1"))
    if not colon:
        return "", ""
    if name == "connection" and not NOT_FORWARDED.issuperset(value.lower().replace(" ", "").split(",")):
        return ("", "") if value.lower() == "close" else (name, value)
    return ("", "") if name in NOT_FORWARDED else (name, value)


def _origin_form(target: str) -> str:
    """Path and query of the target: of an absolute-form one too (`GET http://h/p HTTP/1.1`), and never a fragment."""
    target = target.partition("#")[0]
    scheme = target.find("://")
    if target.startswith("/") or scheme < 0:
        return target
    rest = target[scheme + 3 :]
    authority = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
    rest = rest[authority:]
    return rest if rest.startswith("/") else "/" + rest


def _unquote(piece: str) -> str:
    if "+" in piece:
        piece = piece.replace("+", " ")
    if "%" not in piece:
        return text(piece)
    first, *rest = piece.encode("latin-1").split(b"%")
    decoded = [first]
    for part in rest:
        digits = part[:2]
        if len(digits) == 2 and digits.isalnum():
            try:
                decoded.append(bytes.fromhex(digits.decode("latin-1")) + part[2:])
                continue
            except ValueError:
                pass
        decoded.append(b"%" + part)  # an invalid escape stays literal
    return text(b"".join(decoded).decode("latin-1"))


def _set_body(event: Event, body: bytes) -> None:
    """F82, F83: text if it is UTF-8, else base64."""
    try:
        event["body"] = body.decode()
    except UnicodeDecodeError:
        encoded = b2a_base64(body, newline=False).decode()
        event["is_base64"] = True
        event["body"] = event["body_base64"] = encoded


def _set_extra(event: Event, context: dict, extra: str) -> None:
    members = json.loads(extra)
    if not isinstance(members, dict):
        raise ValueError("extra is not an object")
    if "auth" in members:
        event["auth"] = members["auth"]
    if "version" in members:
        event["version"] = context["version"] = members["version"]
    for name in ("user", "trigger"):
        if name in members:
            context[name] = members[name]
