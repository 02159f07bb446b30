"""`def` handlers: up to 32 at once, in threads that take turns at reading (leader and followers).

The leader waits for input and runs short handlers itself, so that they cost no hand-over. One other thread, the
standby, looks on every millisecond while there is work: when one handler has kept the leader since the last look,
the standby becomes the leader, sends what is finished and reads on. Such a handler is probably not alone, so the
next ones are handed to idle threads until one of them turns out to be short again.
"""

from __future__ import annotations

import os
import selectors
import sys
import threading
import time
from collections.abc import Callable

from . import background
from .codec import ProtocolError
from .connection import Connection
from .engine import Engine, Function
from .log import Log
from .stream import Stream
from .streaming import PieceSender
from .values import ContractError

MAX_THREADS_RUNNING = 32
LOOK_SECONDS = 0.001
QUIET_LOOKS = 3  # looks without work before the standby sleeps until the leader wakes it
SHORT_SECONDS = 0.001  # a handler below this is worth no hand-over

# With the default of 5 ms each busy handler may keep the reading thread waiting that long; 1 ms costs nothing visible.
SWITCH_SECONDS = 0.001

EXIT_BROKEN = 70  # EX_SOFTWARE of sysexits.h


class _Member:
    """A thread of the crew, and the lock on which it sleeps."""

    __slots__ = ("gate",)

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()


class ThreadEngine(Engine):
    """`self.lock` guards roles, slots and the states of streams; `_reading` is held by the one thread that reads."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.selector = selectors.DefaultSelector()
        self.exit: Callable[[BaseException], None]
        self._pieces = PieceSender(self)
        self._reading = threading.Lock()
        self._leader: _Member | None = None
        self._standby: _Member | None = None
        self._standby_sleeps = False
        self._idle: list[_Member] = []
        self._members = 0
        self._called = 0  # members that were woken or started and have not looked for work yet
        self._busy = False  # the leader runs a handler
        self._turn = 0  # grows with each handler that the leader begins
        self._overdue = False  # finished answers and unread input have waited for a look
        self._inline = True  # the last handler that was handed over, or led to it, was short

    def start_member(self) -> None:
        """A thread that listens, with the main thread busy elsewhere."""
        threading.Thread(target=self.serve, name="fastfn", daemon=True).start()

    def serve(self) -> None:
        """Makes the calling thread a member of the crew, for good."""
        with self.lock:
            self._members += 1
        self._take_part()

    def load(self, function: Function, limit: int) -> int:
        """Requests are welcome from now on. Returns the number of slots."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self.limit = min(limit, MAX_THREADS_RUNNING)
        self.function = function
        return self.limit

    def adopt(self, connection: Connection) -> None:
        self.connections.add(connection)
        self.selector.register(connection, selectors.EVENT_READ, connection)

    def give_away(self, engine: Engine) -> None:
        """The connections of a spare, to the engine that its function needs."""
        with self._reading:
            for connection in tuple(self.connections):
                self.connections.discard(connection)
                self.selector.unregister(connection)
                engine.adopt(connection)

    def watch(self, connection: Connection, writable: bool) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writable else 0)
        try:
            self.selector.modify(connection, events, connection)
        except (KeyError, ValueError, OSError):
            pass  # closed meanwhile

    def disconnected(self, connection: Connection) -> None:
        self.selector.unregister(connection)
        super().disconnected(connection)

    def stop(self, stream: Stream) -> None:
        stream.cancelled = True  # a thread cannot be stopped: END when it returns
        self.credit_given.notify_all()

    # -- roles

    def _take_part(self) -> None:
        member = _Member()
        try:
            while True:
                self._rest(member)
                if self._leader is member:
                    self._lead(member)
                else:
                    self._help()
        except BaseException:  # a worker that lacks a thread would hang; one that ends is replaced
            sys.excepthook(*sys.exc_info())
            os._exit(EXIT_BROKEN)

    def _take_part_when_called(self) -> None:
        self._heed_call()
        self._take_part()

    def _heed_call(self) -> None:
        with self.lock:
            self._called -= 1

    def _rest(self, member: _Member) -> None:
        """Returns when there is something to lead or to run."""
        with self.lock:
            if self._leader is None:
                self._leader = member
                return
            if self.ready and self.running < self.limit:
                return
            looks_on = self._standby is None
            if looks_on:
                self._standby = member
            else:
                self._idle.append(member)
        if looks_on:
            self._look_on(member)
        else:
            member.gate.acquire()
            self._heed_call()

    def _look_on(self, member: _Member) -> None:
        """Returns when the leader is kept by one handler and this member has taken over."""
        quiet = 0
        while True:
            quiet = 0 if self._busy else quiet + 1
            if quiet > QUIET_LOOKS:
                self._sleep_until_busy(member)
                quiet = 0
            turn = self._turn
            member.gate.acquire(timeout=LOOK_SECONDS)
            if not self._busy:
                continue
            if self._turn != turn:
                self._overdue = True
            elif self._take_over(member, turn):
                return

    def _sleep_until_busy(self, member: _Member) -> None:
        with self.lock:
            if self._busy:
                return
            self._standby_sleeps = True
        member.gate.acquire()

    def _take_over(self, member: _Member, turn: int) -> bool:
        with self.lock:
            if not self._busy or self._turn != turn:
                return False
            self._leader = member
            self._standby = None
            self._busy = False
            self._inline = False
            self._call(1)  # somebody has to look on now
            return True

    def _call(self, count: int) -> None:
        """Wakes or starts members. Called with the lock held."""
        for _ in range(count):
            if self._idle:
                self._called += 1
                self._idle.pop().gate.release()
            elif self._members < self.limit + 2:  # all slots taken, one who reads, one who looks on
                thread = threading.Thread(target=self._take_part_when_called, name="fastfn", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return  # the system has no more threads: those at hand do the work
                self._called += 1
                self._members += 1

    # -- the leader

    def _lead(self, member: _Member) -> None:
        self._catch_up()
        while True:
            if self.ready:
                if self._inline and self._standby is not None:
                    self._run_inline(member)
                else:
                    self._hand_over()
                if self._leader is not member:
                    return
            self._flush()
            for key, events in self.selector.select():
                if events & selectors.EVENT_WRITE:
                    key.data.writable()
                if events & selectors.EVENT_READ:
                    with self._reading:
                        key.data.readable()

    def _run_inline(self, member: _Member) -> None:
        """Runs what is ready, or as much of it as comes before another member takes over."""
        stream = self._claim_inline(member)
        while stream is not None:
            self._run(stream)
            if self._overdue:
                self._overdue = False
                self._catch_up()
            done, stream = stream, self._claim_inline(member, stream)
            if self._leader is not member:
                self._after(done)

    def _claim_inline(self, member: _Member, done: Stream | None = None) -> Stream | None:
        """Gives the slot of `done` back; the next stream to run, None if there is none or another leads now."""
        with self.lock:
            if done is not None:
                self.release(done)
            if self._leader is not member:
                return None
            stream = self.take_slot()
            self._busy = stream is not None
            self._turn += 1
            if self._busy and self._standby_sleeps:
                self._standby_sleeps = False
                self._standby.gate.release()
            return stream

    def _hand_over(self) -> None:
        with self.lock:
            self._call(min(len(self.ready), self.limit - self.running) - self._called)

    def _flush(self) -> None:
        for connection in tuple(self.connections):
            if connection.has_output:
                connection.flush()
        self.look_for_imports()

    def _catch_up(self) -> None:
        """Sends what is finished, and reads what has arrived: a CANCEL of what waits above all."""
        self._flush()
        self._read_arrived()

    def _read_arrived(self) -> None:
        with self._reading:
            for connection in tuple(self.connections):
                connection.read_arrived()

    # -- the others

    def _help(self) -> None:
        """Runs what waits, as long as something does."""
        done = None
        while True:
            if self.ready:
                self._read_arrived()
            stream = self._claim(done)
            if done is not None:
                self._after(done)
            if stream is None:
                return
            started = time.monotonic()
            self._run(stream)
            self._inline = time.monotonic() - started < SHORT_SECONDS
            done = stream

    def _claim(self, done: Stream | None) -> Stream | None:
        with self.lock:
            if done is not None:
                self.release(done)
            stream = self.take_slot()
            if self.ready:  # read by this thread, so the leader does not know
                self._call(min(len(self.ready), self.limit - self.running) - self._called)
            return stream

    def _after(self, done: Stream) -> None:
        """What the leader's turn does for the handlers that it runs."""
        done.connection.flush()
        self.look_for_imports()
        self.on_idle()

    # -- one handler

    def _run(self, stream: Stream) -> None:
        try:
            event = self.begin(stream)
        except ProtocolError:
            with self._reading:
                stream.connection.close()
            stream.end()
            return
        try:
            result = self.function.call(event)
            if type(result) is not dict:
                result = background.settled(result)
            body = self.finish(stream, result)
            if body is not None:
                self._pieces.send(stream, body)
        except ContractError as error:
            self.refuse(stream, error)
        except (SystemExit, KeyboardInterrupt) as error:
            self.exit(error)
        except BaseException as error:
            self.fail(stream, error)
        self.end_output(stream)
