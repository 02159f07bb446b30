"""`async def` handlers: many at once on one event loop, which also reads and writes the data connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from .codec import ProtocolError
from .connection import Connection
from .engine import Engine, Function
from .event import Event
from .response import BINARY, StreamedBody
from .stream import RUNNING, Stream
from .streaming import HEAD_SECONDS, encode_piece, open_answer, pieces_of
from .values import ContractError

_END = object()


class TaskEngine(Engine):
    """Everything here runs on the loop's thread, save for what other threads schedule on it."""

    def __init__(self, log) -> None:
        super().__init__(log)
        self.exit: Callable[[BaseException], None]
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        # Eager tasks (Python 3.12) run to their first wait at once, so that a handler that never waits costs no turn.
        eager = getattr(asyncio, "eager_task_factory", None)
        self._start = partial(eager, self._loop) if eager else self._loop.create_task
        self._flush_planned = False
        self._credit_waiters: dict[Stream, asyncio.Future[None]] = {}

    def load(self, function: Function, limit: int) -> int:
        self.limit = limit
        self.function = function
        return limit

    def serve(self) -> None:
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            self.exit(error)

    def adopt(self, connection: Connection) -> None:
        """From any thread."""
        connection.owner = self
        self.connections.add(connection)
        self._loop.call_soon_threadsafe(self._loop.add_reader, connection.fileno(), self._readable, connection)

    def pinged(self, connection: Connection, payload: bytes) -> None:
        """A ping asks whether this loop still turns, also when another thread has read it."""
        self._loop.call_soon_threadsafe(super().pinged, connection, payload)

    def watch(self, connection: Connection, writable: bool) -> None:
        if writable:
            self._loop.add_writer(connection.fileno(), connection.writable)
        else:
            self._loop.remove_writer(connection.fileno())

    def disconnected(self, connection: Connection) -> None:
        self._loop.remove_reader(connection.fileno())
        self._loop.remove_writer(connection.fileno())
        super().disconnected(connection)

    def credited(self, stream: Stream, size: int) -> None:
        super().credited(stream, size)
        waiter = self._credit_waiters.get(stream)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def stop(self, stream: Stream) -> None:
        stream.cancelled = True
        if stream.task is not None:
            stream.task.cancel()
        stream.end()  # a cancelled task holds no slot
        self.release(stream)

    # -- the loop's turns

    def _readable(self, connection: Connection) -> None:
        some_wait = bool(self.ready)
        connection.readable()
        if some_wait:
            self._read_arrived()
        self._start_ready()
        self._plan_flush()

    def _read_arrived(self) -> None:
        """Before what has waited begins: it may have been cancelled."""
        for connection in tuple(self.connections):
            connection.read_arrived()

    def _start_ready(self) -> None:
        while (stream := self.take_slot()) is not None:
            try:
                event = self.begin(stream)
            except ProtocolError:
                stream.connection.close()
                continue
            stream.task = self._start(self._run(stream, event))

    def _plan_flush(self) -> None:
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        for connection in tuple(self.connections):
            if connection.has_output:
                connection.flush()
        self.look_for_imports()

    # -- one handler

    async def _run(self, stream: Stream, event: Event) -> None:
        try:
            result = self.function.call(event)
            if hasattr(type(result), "__await__"):
                result = await result
            body = self.finish(stream, result)
            if body is not None:
                await self._send_pieces(stream, body)
        except ContractError as error:
            self.refuse(stream, error)
        except (SystemExit, KeyboardInterrupt) as error:
            self.exit(error)
        except BaseException as error:
            if not stream.cancelled:
                self.fail(stream, error)
        self.end_output(stream)
        self._ended(stream)

    def _ended(self, stream: Stream) -> None:
        self.release(stream)
        if self.ready:
            self._read_arrived()
            self._start_ready()
        self._plan_flush()
        self.on_idle()

    async def _send_pieces(self, stream: Stream, body: StreamedBody) -> None:
        """Sends a body piece by piece, as fast as the client takes it."""
        late = self._loop.call_later(HEAD_SECONDS, self._open, stream, body, BINARY)
        pieces = _async_pieces(body.source)
        try:
            async for piece in pieces:
                data, kind = encode_piece(piece)
                self._open(stream, body, kind)
                await self._send_piece(stream, data)
                if stream.state != RUNNING:
                    break  # cancelled, and the source would not have it
            self._open(stream, body, BINARY)
        finally:
            late.cancel()
            await _close(body.source)
        if stream.state == RUNNING:
            stream.end()

    def _open(self, stream: Stream, body: StreamedBody, kind: str) -> None:
        open_answer(stream, body, kind)
        stream.connection.flush()

    async def _send_piece(self, stream: Stream, data: bytes | bytearray | memoryview) -> None:
        unsent = memoryview(data)
        while unsent and stream.state == RUNNING:
            if not stream.sendable:
                await self._credit(stream)
                continue
            piece = unsent[: stream.sendable]
            stream.send_piece(piece)
            stream.connection.flush()
            unsent = unsent[len(piece) :]

    async def _credit(self, stream: Stream) -> None:
        self._credit_waiters[stream] = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._credit_waiters.pop(stream, None)


def _async_pieces(source: object) -> AsyncIterator:
    return source if hasattr(source, "__aiter__") else _from_thread(pieces_of(source))


async def _from_thread(source: Iterator) -> AsyncIterator:
    """A plain iterator may block, so each step runs beside the loop."""
    while True:
        step = asyncio.ensure_future(asyncio.to_thread(next, source, _END))
        try:
            piece = await asyncio.shield(step)
        except asyncio.CancelledError:
            await asyncio.wait([step])  # what runs cannot be closed
            raise
        if piece is _END:
            return
        yield piece


async def _close(source: object) -> None:
    if hasattr(source, "aclose"):
        await source.aclose()
    elif hasattr(source, "close"):
        source.close()
