"""The worker process: its socket, the control connection, and LOAD (docs/protocol.md, "A worker process")."""

from __future__ import annotations

import atexit
import gc
import json
import os
import queue
import selectors
import signal
import socket
import sys

from . import codec
from .codec import ProtocolError, encode_frame
from .connection import Connection, parse_json
from .engine import Engine
from .log import Log, running
from .threads import MAX_THREADS_RUNNING, ThreadEngine

BACKLOG = 128
FAREWELL_SECONDS = 1.0  # for the last frames of a process that ends


class Worker:
    """A spare until LOAD comes.

    From the start one thread accepts connections and listens to the supervisor. The main thread loads the code, then
    helps with `def` handlers or runs the event loop for `async def`.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._threads = ThreadEngine(log)
        self._threads.exit = self.exit
        self._engine: Engine = self._threads
        self._control: Connection | None = None
        self._orders: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._ordered = False
        self._draining = False
        self._identity = {"function": None, "revision": None, "concurrency": MAX_THREADS_RUNNING}
        self._files: list[str] | None = None

    def listen(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        umask = os.umask(0o177)
        self._listener.bind(path)
        os.umask(umask)
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        self._threads.selector.register(self._listener, selectors.EVENT_READ, self)

    def run(self) -> None:
        """Serves until the process ends."""
        # Ctrl+C in a terminal reaches every process of it; when a worker ends is the supervisor's decision.
        signal.signal(signal.SIGINT, lambda *_: None)
        os.register_at_fork(after_in_child=self._let_go)
        self._threads.start_member()
        from .load import LoadFailed, load  # after HELLO: a spare has time for what only a function needs

        order = self._orders.get()
        try:
            loaded = load(order)
        except LoadFailed as failure:
            self._refuse(failure)
        self._project = loaded.project
        if loaded.is_async:
            self._become_async()
        concurrency = self._engine.load(loaded.function, order["limits"]["concurrency"])
        gc.freeze()  # what loading made stays: a full collection need not look at it again
        self._log.shows_excerpts = loaded.function.events.debug
        self._identity = {"function": order["function"], "revision": order["revision"], "concurrency": concurrency}
        self._engine.on_idle = self._end_if_drained
        self._engine.on_imports = self._send_loaded
        self._log.end(None)
        self._send_loaded()
        self._engine.serve()

    def exit(self, error: BaseException) -> None:
        """A handler ended the process (F104): what other requests have finished goes out, then it ends."""
        code = getattr(error, "code", 130)  # KeyboardInterrupt has none
        if isinstance(code, str):
            print(code, file=sys.stderr)
        self._log.end(running.get())
        for connection in tuple(self._engine.connections):
            connection.flush()
        self._end(code if isinstance(code, int) else 0 if code is None else 1)

    # -- what the listener and the control connection report

    def readable(self) -> None:
        """Somebody connects."""
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # gone again
        if self._control is None:
            self._control = connection = Connection(sock, self, is_control=True)
            self._threads.selector.register(connection, selectors.EVENT_READ, connection)
            self._log.attach(connection)
        else:
            connection = Connection(sock, self._engine)
        connection.send(encode_frame(codec.HELLO, 0, self._hello()))
        connection.flush()
        if connection is not self._control:
            self._engine.adopt(connection)

    def control(self, kind: int, payload: bytes) -> None:
        if kind == codec.DRAIN:
            self._draining = True
            self._end_if_drained()
            return
        message = parse_json(payload)
        if not isinstance(message, dict):
            raise ProtocolError(f"a frame of type {kind} without an object")
        if kind == codec.LOAD:
            if self._ordered:
                raise ProtocolError("a worker loads once")
            self._ordered = True
            self._orders.put(message)
        elif self._engine.function is not None:
            self._engine.function.events.set_context(message)
            self._log.shows_excerpts = self._engine.function.events.debug

    def pinged(self, connection: Connection, payload: bytes) -> None:
        self._engine.pinged(connection, payload)

    def cancel(self, _stream) -> None:
        """Nothing: a control connection has no streams."""

    def watch(self, connection: Connection, writable: bool) -> None:
        self._threads.watch(connection, writable)

    def disconnected(self, _connection: Connection) -> None:
        os._exit(0)  # nobody is left to look after this process

    # -- what the supervisor is told

    def _hello(self) -> bytes:
        version = ".".join(map(str, sys.version_info[:3]))
        return _json(protocol=1, runtime="python", version=version, pid=os.getpid(), **self._identity, head="raw")

    def _send_loaded(self) -> None:
        files = self._project.loaded_files()
        if files == self._files:
            return
        self._files = files
        identity = {key: self._identity[key] for key in ("revision", "concurrency")}
        self._control.send(encode_frame(codec.LOADED, 0, _json(**identity, head="raw", files=files)))
        self._control.flush()

    def _refuse(self, failure) -> None:
        self._log.end(None)
        error = _json(kind="load", error=failure.error, message=failure.message, stack=failure.stack)
        self._control.send(encode_frame(codec.ERROR, 0, error))
        self._end(1)

    def _become_async(self) -> None:
        from .tasks import TaskEngine

        self._engine = TaskEngine(self._log)
        self._engine.exit = self.exit
        self._threads.give_away(self._engine)

    # -- the end

    def _let_go(self) -> None:
        """A process forked by the function is none of ours: it must not keep connections open or write on them."""
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        self._listener.close()
        for connection in {self._control, *self._threads.connections, *self._engine.connections} - {None}:
            connection.socket.close()

    def _end_if_drained(self) -> None:
        if self._draining and not self._engine.connections and not self._engine.running:
            atexit._run_exitfuncs()
            self._end(0)

    def _end(self, code: int) -> None:
        self._log.end(None)
        self._control.flush_within(FAREWELL_SECONDS)
        os._exit(code & 0xFF)


def _json(**members: object) -> bytes:
    return json.dumps(members).encode()
