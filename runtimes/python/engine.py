"""What handlers in threads and in tasks have in common: slots, their queue, how a request begins and ends."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable

from . import codec
from .codec import FLAG_ANNOUNCE, FLAG_CAPTURE, MAX_BODY_BYTES, ProtocolError
from .connection import Connection
from .event import Event, EventFactory
from .log import Log, running
from .response import StreamedBody, answer
from .stream import ANSWERING, CLOSED, RUNNING, WAITING, Stream
from .values import ContractError


class Function:
    """What LOAD made of this worker."""

    def __init__(self, call: Callable[[Event], object], events: EventFactory) -> None:
        self.call = call
        self.events = events


class Engine:
    """Owns the data connections. Subclasses decide where a handler runs and who reads."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.function: Function | None = None
        self.limit = 0  # slots
        self.running = 0
        self.ready: deque[Stream] = deque()  # complete, in the order in which they became so
        self.lock = threading.Lock()
        self.credit_given = threading.Condition(self.lock)
        self.connections: set[Connection] = set()
        self.on_idle: Callable[[], None] = lambda: None  # a connection has closed, or a handler has returned
        self.on_imports: Callable[[], None] = lambda: None
        self._modules = 0

    # -- what connections report

    def admit(self) -> None:
        if self.function is None:
            raise ProtocolError("REQUEST before LOADED")

    def enqueue(self, stream: Stream) -> None:
        """The request is complete."""
        if self.function is None:
            self.admit()
        stream.state = WAITING
        self.ready.append(stream)

    def pinged(self, connection: Connection, payload: bytes) -> None:
        connection.send(codec.encode_frame(codec.PONG, 0, payload))
        connection.flush()

    def credited(self, stream: Stream, size: int) -> None:
        with self.lock:
            stream.give_credit(size)
            if stream.state == ANSWERING:
                stream.send_unsent()
                self.release(stream)
            else:
                self.credit_given.notify_all()
        stream.connection.flush()

    def cancel(self, stream: Stream) -> None:
        """No more of the answer. END follows as soon as the stream holds no slot."""
        with self.lock:
            if stream.state == RUNNING:
                self.stop(stream)
            else:
                stream.end()
                self.release(stream)
        stream.connection.flush()

    def disconnected(self, connection: Connection) -> None:
        """Cancels what is open on it."""
        self.connections.discard(connection)
        for stream in list(connection.streams.values()):
            self.cancel(stream)
        self.on_idle()

    def stop(self, stream: Stream) -> None:
        """Called with the lock held, for a stream whose handler runs."""
        raise NotImplementedError

    # -- slots; the lock is held

    def take_slot(self) -> Stream | None:
        """The stream that has waited longest, if there is a slot for it."""
        while self.ready and self.running < self.limit:
            stream = self.ready.popleft()
            if stream.state == WAITING:
                stream.state = RUNNING
                stream.has_slot = True
                self.running += 1
                return stream
        return None

    def release(self, stream: Stream) -> None:
        """Gives the slot back if the stream has closed: an answer that waits for credit keeps it."""
        if stream.has_slot and stream.state == CLOSED:
            stream.has_slot = False
            self.running -= 1

    def look_for_imports(self) -> None:
        """Handlers may import late; the supervisor watches the files."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self.on_imports()

    # -- one request

    def begin(self, stream: Stream) -> Event:
        """Its event. From now on output belongs to this request."""
        announced = stream.flags & FLAG_ANNOUNCE
        event = self.function.events.make(stream.head, stream.body, announced)
        stream.head = stream.body = b""  # the event has them; a stream may be remembered after its end
        stream.request_id = event["id"]
        running.set(stream)
        if announced:
            # On its way before the handler runs, whatever that does to the process: a stream without START runs again.
            stream.connection.send(codec.encode_frame(codec.START, stream.id))
            stream.connection.flush()
        return event

    def finish(self, stream: Stream, result: object) -> StreamedBody | None:
        """Answers with what the handler returned. A body in pieces is given back, for the caller to send.

        Raises ContractError.
        """
        answered = answer(result)
        if type(answered) is not tuple:
            return answered
        if self.gave_up(stream):
            return None
        head, body = answered
        if stream.output is not None and (excerpt := self.log.excerpt(stream)):
            head = head.with_members(excerpt)
        if len(body) <= MAX_BODY_BYTES:
            stream.respond(head, body)
        else:
            with self.lock:  # credit may come while the first pieces are sent
                stream.respond_in_pieces(head, body)
        return None

    def gave_up(self, stream: Stream) -> bool:
        """Whether the stream was cancelled meanwhile; closes it then."""
        if stream.cancelled and stream.state == RUNNING:
            stream.end()
        return stream.state == CLOSED

    def refuse(self, stream: Stream, error: ContractError) -> None:
        """The handler's result breaks the contract (F105)."""
        self.log.error(stream, f"invalid runtime response: {error}")
        self._send_error(stream, "contract", str(error))

    def fail(self, stream: Stream, error: BaseException) -> None:
        """The handler raised (F100)."""
        from .errors import describe  # traceback and what it imports, only where something fails

        message, stack = describe(error)
        self.log.error(stream, stack)
        self._send_error(stream, "handler", message)

    def _send_error(self, stream: Stream, kind: str, message: str) -> None:
        with self.lock:  # the head of a stream may be due at this moment
            if not self.gave_up(stream):
                stream.fail(kind, message)

    def end_output(self, stream: Stream) -> None:
        """The handler has returned."""
        if stream.output is not None:
            self.log.end(stream)
        if stream.flags & FLAG_CAPTURE:
            stream.connection.flush()  # the last line of output comes after the answer
            self.log.last(stream)
