"""What a function prints, as LOG frames attributed to the request that runs (F106, P116, P118)."""

from __future__ import annotations

import io
import json
import sys
import threading
from binascii import b2a_base64
from contextvars import ContextVar

from . import codec
from .connection import Connection
from .stream import Stream

MAX_LINE_BYTES = 16_384
MAX_UNSENT_BYTES = 1_048_576
MAX_EXCERPT_BYTES = 4096  # of stdout and stderr each, for `context.debug.enabled`

# The request that runs in this thread or task.
running: ContextVar[Stream | None] = ContextVar("running", default=None)


class Output:
    """What one request has printed on stdout and stderr: lines not ended yet, and the first bytes if they are shown."""

    __slots__ = ("request_id", "partial", "excerpt")

    def __init__(self, request_id: str | None, shown: bool) -> None:
        self.request_id = request_id
        self.partial = {"stdout": "", "stderr": ""}
        self.excerpt = {"stdout": "", "stderr": ""} if shown else None

    def show(self, stream: str, text: str) -> None:
        if len(self.excerpt[stream]) < MAX_EXCERPT_BYTES:
            kept = (self.excerpt[stream] + text).encode("utf-8", "replace")[:MAX_EXCERPT_BYTES]
            self.excerpt[stream] = kept.decode("utf-8", "ignore")


class Log:
    """Cuts output into lines and hands each to the control connection at once: a crash must not take it along."""

    def __init__(self) -> None:
        self.shows_excerpts = False
        self._lock = threading.RLock()  # a signal handler or a finalizer may print while a line is being cut
        self._unattributed = Output(None, shown=False)
        self._control: Connection | None = None
        self._dropped = 0

    def attach(self, control: Connection) -> None:
        """From now on lines go to the supervisor."""
        self._control = control
        control.on_drained = self._report_dropped

    def capture(self) -> None:
        """Takes the place of sys.stdout and sys.stderr. Descriptors 1 and 2 stay: the supervisor reads them."""
        sys.stdout = _Output(self, "stdout", 1)
        sys.stderr = _Output(self, "stderr", 2)

    def write(self, name: str, text: str, level: str | None) -> None:
        """Text printed on `name`, by whatever runs here."""
        request = running.get()
        level = level or ("info" if name == "stdout" else "error")
        with self._lock:
            output = self._output_of(request)
            if output.excerpt is not None:
                output.show(name, text)
            *lines, rest = (output.partial[name] + text).split("\n")
            for line in lines:
                self._line(output, name, level, line.removesuffix("\r"))
            if len(rest) > MAX_LINE_BYTES:
                *pieces, rest = _pieces(rest)
                for piece in pieces:
                    self._piece(output, name, level, piece, continued=True)
            output.partial[name] = rest

    def error(self, stream: Stream, message: str) -> None:
        """What the worker itself has to say about a request, on its stderr."""
        with self._lock:
            output = self._output_of(stream)
            for line in message.rstrip("\n").split("\n"):
                self._line(output, "stderr", "error", line)

    def end(self, stream: Stream | None) -> None:
        """The request has ended (None: the load): what it printed without a line end is a line."""
        output = self._unattributed if stream is None else stream.output
        if output is not None:
            with self._lock:
                self._end(output)

    def last(self, stream: Stream) -> None:
        """Closes the output of a request with flag CAPTURE."""
        self._send_line(request_id=stream.request_id, stream="stdout", level="info", message="", last=True)

    def excerpt(self, stream: Stream) -> dict[str, str]:
        """The first of what the request printed, by stream; nothing if that is not shown."""
        if stream.output is None or stream.output.excerpt is None:
            return {}
        return {name: text for name, text in stream.output.excerpt.items() if text}

    def _output_of(self, request: Stream | None) -> Output:
        if request is None:
            return self._unattributed
        if request.output is None:
            request.output = Output(request.request_id, self.shows_excerpts)
        return request.output

    def _end(self, output: Output) -> None:
        for name, rest in output.partial.items():
            if rest:
                output.partial[name] = ""
                self._line(output, name, "info" if name == "stdout" else "error", rest)

    def _line(self, output: Output, name: str, level: str, line: str) -> None:
        *pieces, last = _pieces(line)
        for piece in pieces:
            self._piece(output, name, level, piece, continued=True)
        self._piece(output, name, level, last)

    def _piece(self, output: Output, name: str, level: str, text: str, continued: bool = False) -> None:
        fields: dict[str, object] = {"continued": True} if continued else {}
        if not text.isascii():
            text, raw = _readable(text)
            if raw is not None:
                fields["base64"] = b2a_base64(raw, newline=False).decode()  # P116
        more = {"fields": fields} if fields else {}
        self._send(request_id=output.request_id, stream=name, level=level, message=text, **more)

    def _send(self, **line: object) -> None:
        if self._control is not None and self._control.backlog_bytes > MAX_UNSENT_BYTES:
            self._dropped += 1
            return
        if self._dropped:
            self._report_dropped()
        self._send_line(**line)

    def _report_dropped(self) -> None:
        with self._lock:
            if self._dropped:
                message, self._dropped = f"{self._dropped} lines dropped", 0
                self._send_line(request_id=None, stream="stderr", level="warn", message=message)

    def _send_line(self, **line: object) -> None:
        if self._control is not None:
            self._control.send(codec.encode_frame(codec.LOG, 0, json.dumps(line, ensure_ascii=False).encode()))
            self._control.flush()


class _Output(io.TextIOBase):
    """sys.stdout or sys.stderr of the function."""

    encoding = "utf-8"
    errors = "replace"
    mode = "w"

    def __init__(self, log: Log, stream: str, descriptor: int) -> None:
        self.name = f"<{stream}>"
        self.buffer = _BinaryOutput(self)
        self._log = log
        self._stream = stream
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor  # for subprocesses that inherit it

    def reconfigure(self, **_options: object) -> None:
        """Scripts ask for UTF-8 or line buffering here; both are so."""

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._log.write(self._stream, text, _logging_level(sys._getframe(1)))
        return len(text)


class _BinaryOutput(io.BufferedIOBase):
    """sys.stdout.buffer: bytes among the text. A character may be cut between two writes."""

    def __init__(self, output: _Output) -> None:
        self._output = output

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


def _readable(text: str) -> tuple[str, bytes | None]:
    """The text, and its bytes if they are not UTF-8: U+FFFD stands for them then."""
    try:
        text.encode()
        return text, None
    except UnicodeEncodeError:
        raw = _bytes(text)
        try:
            return raw.decode(), None  # a character that was cut between two writes
        except UnicodeDecodeError:
            return raw.decode("utf-8", "replace"), raw


def _bytes(text: str) -> bytes:
    """What was written: bytes that were none of UTF-8 are themselves again, other lone surrogates three bytes each."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _pieces(line: str) -> list[str]:
    """The line in pieces of at most MAX_LINE_BYTES bytes of UTF-8, no character cut."""
    if len(line) * 4 <= MAX_LINE_BYTES or len(data := _bytes(line)) <= MAX_LINE_BYTES:
        return [line]
    pieces, start = [], 0
    while len(data) - start > MAX_LINE_BYTES:
        end = start + MAX_LINE_BYTES
        while end > start + MAX_LINE_BYTES - 4 and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end].decode("utf-8", "surrogateescape"))
        start = end
    pieces.append(data[start:].decode("utf-8", "surrogateescape"))
    return pieces
