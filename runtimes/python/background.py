"""Coroutines beside `def` handlers: one event loop in a thread of its own, started when first needed.

asyncio costs 10 MB and tens of milliseconds, so nothing here imports it before there is something to await.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator

from .log import running

_lock = threading.Lock()
_loop = None
_tasks: set = set()


def settled(result: object) -> object:
    """`result`, waited for if it must be: a `def` handler may return what an `async def` gave it."""
    if not hasattr(type(result), "__await__"):
        return result
    return _submit(result).result()


def iterate(source: AsyncIterator) -> Iterator:
    """The items of an asynchronous iterator, for a thread."""
    items = source.__aiter__()
    try:
        while True:
            try:
                yield _submit(items.__anext__()).result()
            except StopAsyncIteration:
                return
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            _submit(close()).result()


def run(work: Awaitable, seconds: float) -> None:
    """Runs `work` beside everything else; a failure is printed under the request that started it."""
    import asyncio

    async def limited() -> None:
        try:
            await asyncio.wait_for(work, seconds)
        except Exception as error:
            print(f"background work failed: {type(error).__name__}: {error}", file=sys.stderr)

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _submit(limited())
        return
    task = loop.create_task(limited())
    _tasks.add(task)  # the loop itself keeps weak references only
    task.add_done_callback(_tasks.discard)


def _submit(work: Awaitable):
    """A future of the loop's thread. Output stays with the request of the calling thread."""
    import asyncio

    request_id = running.get()

    async def attributed() -> object:
        running.set(request_id)
        return await work

    return asyncio.run_coroutine_threadsafe(attributed(), _background_loop())


def _background_loop():
    global _loop
    with _lock:
        if _loop is None:
            import asyncio

            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="fastfn-loop", daemon=True).start()
        return _loop
