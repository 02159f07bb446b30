"""Starts a worker: `python main.py <socket path>`, descriptor 3 a pipe for the word that it listens."""

import faulthandler
import os
import sys
import types

LISTENING_DESCRIPTOR = 3


def _make_package(name: str) -> None:
    """The worker's modules as a package, so that `import log` in a function finds the function's own log.py."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.remove(here)
    package = types.ModuleType(name)
    package.__path__ = [here]
    sys.modules[name] = package


def main(socket_path: str) -> None:
    from fastfn_worker.log import Log
    from fastfn_worker.worker import Worker

    log = Log()
    worker = Worker(log)
    worker.listen(socket_path)
    os.write(LISTENING_DESCRIPTOR, b"listening\n")
    os.close(LISTENING_DESCRIPTOR)
    faulthandler.enable(2)  # a crash in native code leaves its stack where the supervisor reads (P113)
    log.capture()
    worker.run()


if __name__ == "__main__":
    _make_package("fastfn_worker")
    main(sys.argv[1])
