"""A connection to the gateway or the supervisor: frames in, frames out, the table of open streams."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

from . import codec
from .codec import FLAG_END, MAX_BODY_BYTES, MAX_STREAM_ID, REQUEST_HEAD, U32, FrameReader, ProtocolError
from .stream import COLLECTING, Stream

# Below the threshold at which malloc maps memory for each read (128 KiB): a larger buffer costs 18 µs more per read.
READ_BYTES = 65_536
MAX_READS = 64  # at a stretch from one connection, so that none starves the others

CONTROL_FRAMES = frozenset((codec.LOAD, codec.DRAIN, codec.CONTEXT))
WORKER_FRAMES = frozenset((codec.HELLO, codec.RESPONSE, codec.ERROR, codec.LOG, codec.START, codec.LOADED))


class Connection:
    """Reads and writes without blocking. One thread reads at a time; any thread may send and flush.

    `owner` decides what frames mean: `enqueue(stream)`, `cancel(stream)`, `credited(stream, size)`,
    `pinged(connection, payload)`, `control(kind, payload)`, `disconnected(connection)`,
    `watch(connection, writable)`.
    """

    def __init__(self, sock: socket.socket, owner, is_control: bool = False) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.is_control = is_control
        self.is_open = True
        self.owner = owner
        self.streams: dict[int, Stream] = {}
        self.on_drained: Callable[[], None] = lambda: None  # a slow peer has caught up
        self.unsent_bytes = 0  # taken from the queue, refused by the kernel
        self._frames = FrameReader()
        self._queue: list[bytes | memoryview] = []
        self._unsent: bytes | memoryview = b""
        self._write_lock = threading.Lock()
        self._receivers = {
            codec.REQUEST: self._on_request,
            codec.BODY: self._on_body,
            codec.END: self._on_end,
            codec.CANCEL: self._on_cancel,
            codec.WINDOW: self._on_window,
            codec.PING: self._on_ping,
        }

    def fileno(self) -> int:
        return self.socket.fileno()

    # -- out

    def send(self, *parts: bytes | memoryview) -> None:
        """Queues a frame. It leaves with the next flush, in one write with what else is queued."""
        self._queue.extend(parts)

    @property
    def has_output(self) -> bool:
        return bool(self._queue)

    def flush(self) -> None:
        """Writes what the kernel takes; the rest goes when the owner sees the socket writable again."""
        with self._write_lock:
            if self._unsent:
                return
            self._write()

    @property
    def backlog_bytes(self) -> int:
        """What a slow peer has not taken yet."""
        return self.unsent_bytes + sum(map(len, self._queue)) if self.unsent_bytes else 0

    def flush_within(self, seconds: float) -> None:
        """Writes everything, waiting for the peer: the last thing before the process ends."""
        with self._write_lock:
            try:
                self.socket.settimeout(seconds)
                self.socket.sendall(b"".join((self._unsent, *self._queue)))
            except OSError:
                pass  # nobody reads

    def writable(self) -> None:
        """The owner saw room in the socket."""
        with self._write_lock:
            drained = self._write()
            if drained:
                self.owner.watch(self, False)
        if drained:
            self.on_drained()

    def _write(self) -> bool:
        count = len(self._queue)  # other threads append while this one writes
        data = b"".join((self._unsent, *self._queue[:count])) if count else self._unsent
        del self._queue[:count]
        try:
            sent = self.socket.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(data)  # the reader sees the end of the connection and says so
        was_blocked = self.unsent_bytes > 0
        self._unsent = memoryview(data)[sent:] if sent < len(data) else b""
        self.unsent_bytes = len(self._unsent)
        if self.unsent_bytes and not was_blocked:
            self.owner.watch(self, True)
        return not self.unsent_bytes

    # -- in

    def read_arrived(self) -> None:
        """Takes everything that has arrived, the end of the connection too."""
        for _ in range(MAX_READS):
            if not self.is_open or not self.readable():
                return

    def readable(self) -> bool:
        """Takes one read's worth of frames; closes the connection at its end or when the peer broke a rule.

        False if nothing had arrived.
        """
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        try:
            if not data:
                raise ProtocolError("end of the connection")
            for kind, stream_id, payload in self._frames.feed(data):
                self._receive(kind, stream_id, payload)
        except ProtocolError:
            self.close()
        return True

    def close(self) -> None:
        """Ends the connection and cancels its open streams."""
        if not self.is_open:
            return
        self.is_open = False
        self.owner.disconnected(self)
        self.socket.close()

    def forget(self, stream: Stream) -> None:
        """The stream has closed: its id may come again."""
        self.streams.pop(stream.id, None)

    def _receive(self, kind: int, stream_id: int, payload: bytes) -> None:
        receive = self._receivers.get(kind)
        if receive is not None:
            receive(stream_id, payload)
        elif kind in WORKER_FRAMES or (kind in CONTROL_FRAMES and not self.is_control):
            raise ProtocolError(f"a frame of type {kind} is not for a worker")
        elif kind in CONTROL_FRAMES:
            self.owner.control(kind, payload)

    def _on_request(self, stream_id: int, payload: bytes) -> None:
        if stream_id in self.streams or not 0 < stream_id <= MAX_STREAM_ID or self.is_control:
            raise ProtocolError(f"REQUEST on stream {stream_id}")
        if len(payload) < 5:
            raise ProtocolError("REQUEST without a head")
        flags, head_length = REQUEST_HEAD.unpack_from(payload)
        body_start = 5 + head_length
        if not 0 <= len(payload) - body_start <= MAX_BODY_BYTES:
            raise ProtocolError(f"head of {head_length} bytes in a REQUEST of {len(payload)}")
        stream = Stream(self, stream_id, flags, payload[5:body_start], payload[body_start:])
        self.streams[stream_id] = stream
        if flags & FLAG_END:
            self.owner.enqueue(stream)
        else:
            self.owner.admit()
            stream.expect_body()

    def _on_body(self, stream_id: int, payload: bytes) -> None:
        if len(payload) > MAX_BODY_BYTES:
            raise ProtocolError(f"BODY of {len(payload)} bytes")
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        if stream.state != COLLECTING:
            raise ProtocolError(f"BODY after the end of stream {stream_id}'s body")
        stream.collect(payload)

    def _on_end(self, stream_id: int, payload: bytes) -> None:
        if payload:
            parse_json(payload)
        stream = self.streams.get(stream_id)
        if stream is not None and stream.state == COLLECTING:
            stream.complete_body()
            self.owner.enqueue(stream)

    def _on_cancel(self, stream_id: int, _payload: bytes) -> None:
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.owner.cancel(stream)

    def _on_window(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ProtocolError(f"WINDOW of {len(payload)} bytes")
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.owner.credited(stream, U32.unpack(payload)[0])

    def _on_ping(self, _stream_id: int, payload: bytes) -> None:
        self.owner.pinged(self, payload)


def parse_json(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except ValueError as error:
        raise ProtocolError(f"payload is not JSON: {error}") from None
