"""Bodies that come in pieces (F163-F165): what a piece may be, and how a thread sends them."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from . import background
from .response import BINARY, TEXT, StreamedBody
from .stream import RUNNING, Stream
from .values import ContractError

HEAD_SECONDS = 0.05  # F164
FILE_PIECE_BYTES = 65_536


def pieces_of(source: object) -> Iterator:
    """The pieces for a thread: a file by blocks, an iterator as it is, an asynchronous one waited for."""
    if hasattr(source, "__aiter__"):
        return background.iterate(source)
    if isinstance(source, io.IOBase):
        return iter(lambda: source.read(FILE_PIECE_BYTES) or None, None)
    return source


def encode_piece(piece: object) -> tuple[bytes | bytearray | memoryview, str]:
    """The bytes, and the type of an answer that begins with this piece."""
    if isinstance(piece, str):
        try:
            return piece.encode(), TEXT
        except UnicodeEncodeError:
            raise ContractError("text with a lone surrogate cannot be sent as UTF-8") from None
    if isinstance(piece, (bytes, bytearray)):
        return piece, BINARY
    if isinstance(piece, memoryview):
        return piece.cast("B"), BINARY
    raise ContractError("a piece of a streamed body is neither a string nor bytes")


def open_answer(stream: Stream, body: StreamedBody, kind: str) -> None:
    """Sends the head unless it has gone out. Called with the engine's lock held."""
    if not stream.opened and stream.state == RUNNING and not stream.cancelled:
        stream.opened = True
        stream.open_answer(body.head_for(kind).open())


class PieceSender:
    """Sends the pieces that a `def` handler gives, from its thread, as fast as the client takes them."""

    def __init__(self, engine) -> None:
        self._engine = engine
        self._late_heads = _LateHeads(self._open)

    def send(self, stream: Stream, body: StreamedBody) -> None:
        """The whole body. Raises what its source raises; closes the source in any case (F165)."""
        self._late_heads.expect(stream, body)
        pieces = pieces_of(body.source)
        try:
            for piece in pieces:
                data, kind = encode_piece(piece)
                self._open(stream, body, kind)
                if not self._send_piece(stream, memoryview(data)):
                    break
        finally:
            for source in (pieces, body.source):
                if hasattr(source, "close"):
                    source.close()
        with self._engine.lock:
            open_answer(stream, body, BINARY)
            if stream.state == RUNNING:
                stream.end()

    def _open(self, stream: Stream, body: StreamedBody, kind: str = BINARY) -> None:
        if not stream.opened:
            with self._engine.lock:
                open_answer(stream, body, kind)
            stream.connection.flush()

    def _send_piece(self, stream: Stream, unsent: memoryview) -> bool:
        """False if nobody wants the rest."""
        while unsent:
            with self._engine.lock:
                while not stream.sendable and not stream.cancelled:
                    self._engine.credit_given.wait()
                if stream.cancelled:
                    return False
                piece = unsent[: stream.sendable]
                stream.send_piece(piece)
            stream.connection.flush()
            unsent = unsent[len(piece) :]
        return not stream.cancelled


class _LateHeads:
    """One thread, started with the first stream, that sends heads whose first piece is not there after 50 ms."""

    def __init__(self, send: Callable[[Stream, StreamedBody], None]) -> None:
        self._send = send
        self._waiting: deque[tuple[float, Stream, StreamedBody]] = deque()
        self._arrived = threading.Semaphore(0)
        self._started = False

    def expect(self, stream: Stream, body: StreamedBody) -> None:
        self._waiting.append((time.monotonic() + HEAD_SECONDS, stream, body))
        self._arrived.release()
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name="fastfn-late-heads", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._arrived.acquire()
            due, stream, body = self._waiting.popleft()  # all wait equally long, so the first is due first
            if not stream.opened:
                time.sleep(max(0.0, due - time.monotonic()))
                self._send(stream, body)
