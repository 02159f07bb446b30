"""One request on a connection, from REQUEST to the frame that closes it (docs/protocol.md, "A stream")."""

from __future__ import annotations

import json

from . import codec
from .codec import MAX_BODY_BYTES, RESPONSE_FRAME, U32, ProtocolError, encode_frame

PIECE_BYTES = 65_536  # of one BODY frame, so that other streams get their turn in between

# The states of a stream, in order.
COLLECTING = 0  # its body is not complete
WAITING = 1  # complete, no handler yet
RUNNING = 2  # the handler runs, or produces a body piece by piece
ANSWERING = 3  # the handler is done; what it returned waits for credit
CLOSED = 4


class Stream:
    """A stream's state changes under the engine's lock; what it sends goes through its connection's queue."""

    __slots__ = (
        "connection",
        "id",
        "flags",
        "head",
        "body",
        "state",
        "has_slot",
        "cancelled",
        "opened",
        "task",
        "request_id",
        "output",
        "_parts",
        "_window",
        "_credit",
        "_unsent",
    )

    def __init__(self, connection, stream_id: int, flags: int, head: bytes, body: bytes) -> None:
        self.connection = connection
        self.id = stream_id
        self.flags = flags
        self.head = head
        self.body = body
        self.state = COLLECTING
        self.has_slot = False
        self.cancelled = False
        self.opened = False  # the head of an answer in pieces has gone out
        self.task = None
        self.output = None  # made by the log when something is printed
        self._credit = MAX_BODY_BYTES

    # -- the request's body

    def expect_body(self) -> None:
        """More follows in BODY frames."""
        self._parts = [self.body]
        self._window = MAX_BODY_BYTES - len(self.body)

    def collect(self, piece: bytes) -> None:
        """A BODY frame. Credit is given back when half of it is spent, so that not each frame costs an answer."""
        self._window -= len(piece)
        if self._window < 0:
            raise ProtocolError(f"stream {self.id} sent more body than its credit")
        self._parts.append(piece)
        if self._window < MAX_BODY_BYTES // 2:
            self.connection.send(encode_frame(codec.WINDOW, self.id, U32.pack(MAX_BODY_BYTES - self._window)))
            self._window = MAX_BODY_BYTES

    def complete_body(self) -> None:
        self.body = b"".join(self._parts)
        self._parts = []

    # -- the answer

    def respond(self, head, body: bytes) -> None:
        """A whole answer that fits in one frame."""
        json_head = head.complete
        header = RESPONSE_FRAME.pack(4 + len(json_head) + len(body), codec.RESPONSE, self.id, len(json_head))
        self._close()
        self.connection.send(header + json_head + body)

    def respond_in_pieces(self, head, body: bytes) -> None:
        """A larger one, as fast as the gateway gives credit: closes the stream or leaves it ANSWERING."""
        self.open_answer(head.open(len(body)))
        self._unsent = memoryview(body)
        self.state = ANSWERING
        self.send_unsent()

    def send_unsent(self) -> None:
        """As much of it as there is credit for."""
        while self._credit and self._unsent:
            piece = self._unsent[: self.sendable]
            self.send_piece(piece)
            self._unsent = self._unsent[len(piece) :]
        if not self._unsent:
            self.end()

    def end(self) -> None:
        self._close()
        self.connection.send(encode_frame(codec.END, self.id))

    def fail(self, kind: str, message: str) -> None:
        """ERROR: instead of an answer, or in the middle of one."""
        payload = json.dumps({"kind": kind, "message": message[:4096]}).encode()
        self._close()
        self.connection.send(encode_frame(codec.ERROR, self.id, payload))

    def _close(self) -> None:
        """Comes before the frame that closes the stream: with that frame the gateway may use the id again."""
        self.state = CLOSED
        self.connection.forget(self)

    # -- an answer in pieces

    def open_answer(self, json_head: bytes) -> None:
        """RESPONSE without a body: BODY frames and END follow."""
        self.connection.send(
            RESPONSE_FRAME.pack(4 + len(json_head), codec.RESPONSE, self.id, len(json_head)) + json_head
        )

    def send_piece(self, piece: bytes | memoryview) -> None:
        """One BODY frame, within the credit and the frame limit."""
        self._credit -= len(piece)
        self.connection.send(codec.HEADER.pack(len(piece), codec.BODY, self.id), piece)

    def give_credit(self, size: int) -> None:
        self._credit += size

    @property
    def sendable(self) -> int:
        """Body bytes that the next frame may have."""
        return min(self._credit, PIECE_BYTES)
