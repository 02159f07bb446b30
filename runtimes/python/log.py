"""What a function prints, as LOG frames attributed to the request that runs (F106, P116, P118)."""

from __future__ import annotations

import io
import json
import sys
import threading
from contextvars import ContextVar

from . import codec
from .connection import Connection

MAX_LINE_BYTES = 16_384
MAX_UNSENT_BYTES = 1_048_576
MAX_EXCERPT_BYTES = 4096  # of stdout and stderr each, for `context.debug.enabled`

LEVELS = {"stdout": "info", "stderr": "error"}

# The id of the request that runs in this thread or task.
running: ContextVar[str | None] = ContextVar("running", default=None)


class Log:
    """Cuts output into lines and hands each to the control connection at once: a crash must not take it along."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler or a finalizer may print while a line is being cut
        self._partial: dict[tuple[str | None, str], str] = {}
        self._excerpts: dict[str, dict[str, str]] = {}
        self._control: Connection | None = None
        self._dropped = 0

    def attach(self, control: Connection) -> None:
        """From now on lines go to the supervisor."""
        self._control = control

    def capture(self) -> None:
        """Takes the place of sys.stdout and sys.stderr. Descriptors 1 and 2 stay: the supervisor reads them."""
        sys.stdout = _Output(self, "stdout", 1)
        sys.stderr = _Output(self, "stderr", 2)

    def keep_excerpt(self, request_id: str) -> None:
        self._excerpts[request_id] = {"stdout": "", "stderr": ""}

    def take_excerpt(self, request_id: str) -> dict[str, str]:
        """The first of what the request printed so far."""
        return self._excerpts.pop(request_id, {"stdout": "", "stderr": ""})

    def write(self, stream: str, text: str, level: str | None = None) -> None:
        request_id = running.get()
        key = (request_id, stream)
        with self._lock:
            if self._excerpts and request_id in self._excerpts:
                self._excerpt(request_id, stream, text)
            if self._partial:
                text = self._partial.pop(key, "") + text
            *lines, rest = text.split("\n")
            for line in lines:
                self._line(request_id, stream, line.removesuffix("\r"), level)
            if len(rest) > MAX_LINE_BYTES:
                *pieces, rest = _pieces(_readable(rest))
                for piece in pieces:
                    self._frame(request_id, stream, piece, level, fields={"continued": True})
            if rest:
                self._partial[key] = rest

    def record(self, request_id: str | None, level: str, message: str) -> None:
        """Lines of the worker itself: on stderr, under the request they concern."""
        with self._lock:
            for line in message.rstrip("\n").split("\n"):
                self._line(request_id, "stderr", line, level)

    def finish(self, request_id: str | None) -> None:
        """The request has ended: what it printed without a line end is a line."""
        if not self._partial:
            return
        with self._lock:
            for stream in LEVELS:
                rest = self._partial.pop((request_id, stream), None)
                if rest is not None:
                    self._line(request_id, stream, rest, None)

    def finish_all(self) -> None:
        """The process ends."""
        with self._lock:
            for (request_id, stream), rest in self._partial.items():
                self._line(request_id, stream, rest, None)
            self._partial.clear()

    def last(self, request_id: str) -> None:
        """Closes the output of a request with flag CAPTURE."""
        self._frame(request_id, "stdout", "", None, last=True)

    def _excerpt(self, request_id: str, stream: str, text: str) -> None:
        excerpt = self._excerpts[request_id]
        if len(excerpt[stream]) < MAX_EXCERPT_BYTES:
            kept = (excerpt[stream] + text).encode("utf-8", "replace")[:MAX_EXCERPT_BYTES]
            excerpt[stream] = kept.decode("utf-8", "ignore")

    def _line(self, request_id: str | None, stream: str, line: str, level: str | None) -> None:
        *pieces, last = _pieces(_readable(line))
        for piece in pieces:
            self._frame(request_id, stream, piece, level, fields={"continued": True})
        self._frame(request_id, stream, last, level)

    def _frame(self, request_id: str | None, stream: str, message: str, level: str | None, **more: object) -> None:
        if self._control is None:
            return
        if self._control.backlog_bytes > MAX_UNSENT_BYTES:
            self._dropped += 1
            return
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._frame(None, "stderr", f"{dropped} lines dropped", "warn")
        line = {"request_id": request_id, "stream": stream, "level": level or LEVELS[stream], "message": message, **more}
        self._control.send(codec.encode_frame(codec.LOG, 0, json.dumps(line).encode()))
        self._control.flush()


class _Output(io.TextIOBase):
    """sys.stdout or sys.stderr of the function."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, log: Log, name: str, descriptor: int) -> None:
        self._log = log
        self._descriptor = descriptor
        self.name = f"<{name}>"
        self.mode = "w"
        self._stream = name
        self.buffer = _BinaryOutput(self)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor  # for subprocesses that inherit it

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._log.write(self._stream, text, _logging_level(sys._getframe(1)))
        return len(text)


class _BinaryOutput(io.BufferedIOBase):
    """sys.stdout.buffer: bytes among the text. A character may be cut between two writes."""

    def __init__(self, output: _Output) -> None:
        self._output = output
        self.raw = self

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._output.fileno()

    def write(self, data: bytes) -> int:
        self._output.write(bytes(data).decode("utf-8", "surrogateescape"))
        return len(data)


def _logging_level(caller) -> str | None:
    """The level of the record that the logging module is writing (P116), read where its handlers keep it."""
    if caller.f_code.co_name != "emit" or caller.f_globals.get("__name__") != "logging":
        return None
    number = getattr(caller.f_locals.get("record"), "levelno", None)
    if number is None:
        return None
    return "error" if number >= 40 else "warn" if number >= 30 else "info" if number >= 20 else "debug"


def _readable(line: str) -> str:
    """Bytes that are no UTF-8 (and lone surrogates) become U+FFFD."""
    if line.isascii():
        return line
    try:
        return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return line.encode("utf-8", "replace").decode()


def _pieces(line: str) -> list[str]:
    """The line in pieces of at most MAX_LINE_BYTES bytes of UTF-8, no character cut."""
    if len(line) * 4 <= MAX_LINE_BYTES or len(data := line.encode()) <= MAX_LINE_BYTES:
        return [line]
    pieces, start = [], 0
    while len(data) - start > MAX_LINE_BYTES:
        end = start + MAX_LINE_BYTES
        while data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end].decode())
        start = end
    pieces.append(data[start:].decode())
    return pieces
