"""FNP/1 frames (docs/protocol.md): bytes in, frames out, no I/O.

Big-endian: u32 payload length | u8 type | u32 stream id | payload.
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">IBI")
REQUEST_HEAD = struct.Struct(">BI")  # flags, head length
RESPONSE_FRAME = struct.Struct(">IBII")  # a frame's header and the head length that begins a RESPONSE
U32 = struct.Struct(">I")

MAX_PAYLOAD_BYTES = 1_048_576
MAX_BODY_BYTES = 262_144  # of one frame, and the credit of each direction when a stream opens
MAX_STREAM_ID = 2**31 - 1

HELLO, REQUEST, BODY, END, RESPONSE, ERROR, CANCEL, WINDOW = 1, 2, 3, 4, 5, 6, 7, 8
PING, PONG, LOG, START, LOAD, LOADED, DRAIN, CONTEXT = 9, 10, 11, 12, 13, 14, 15, 16

FLAG_END, FLAG_ANNOUNCE, FLAG_CAPTURE = 1, 2, 4

Frame = tuple[int, int, bytes]  # type (may be unknown to us), stream id, payload


class ProtocolError(Exception):
    """The peer sent what can never be valid: its connection is closed, nothing else."""


def encode_frame(kind: int, stream_id: int, payload: bytes = b"") -> bytes:
    return HEADER.pack(len(payload), kind, stream_id) + payload


class FrameReader:
    """Cuts a byte stream into frames. A large frame in small chunks is joined once, when it is complete."""

    __slots__ = ("_chunks", "_size", "_wanted")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self._wanted = HEADER.size

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that `chunk` completes. Sizes are checked before anything is buffered for them."""
        if self._chunks:
            self._chunks.append(chunk)
            self._size += len(chunk)
            if self._size < self._wanted:
                return []
            chunk = b"".join(self._chunks)
        frames: list[Frame] = []
        start, available = 0, len(chunk)
        while available - start >= 9:
            length, kind, stream_id = HEADER.unpack_from(chunk, start)
            if length > MAX_PAYLOAD_BYTES:
                raise ProtocolError(f"payload of {length} bytes, limit {MAX_PAYLOAD_BYTES}")
            payload = start + 9
            end = payload + length
            if end > available:
                break
            frames.append((kind, stream_id, chunk[payload:end]))
            start = end
        self._keep(chunk, start, available)
        return frames

    def _keep(self, chunk: bytes, start: int, available: int) -> None:
        self._size = available - start
        self._chunks = [chunk[start:]] if self._size else []
        self._wanted = HEADER.size
        if self._size >= HEADER.size:
            self._wanted += HEADER.unpack_from(chunk, start)[0]
