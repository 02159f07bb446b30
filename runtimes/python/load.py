"""LOAD: from the order of the supervisor to a function that can be called."""

from __future__ import annotations

import os
import sys

from . import adapters, handler
from .engine import Function
from .errors import describe
from .event import EventFactory
from .handler import HandlerNotFound
from .loader import Project, load_entry

# Modules that every function finds unless it has its own of that name (docs/helpers.md).
HELPERS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../helpers/python"))


class Loaded:
    """A function, ready to serve."""

    def __init__(self, function: Function, is_async: bool, project: Project) -> None:
        self.function = function
        self.is_async = is_async
        self.project = project


class LoadFailed(Exception):
    """The user's code did not load (F67, F101), in the members of ERROR."""

    def __init__(self, cause: BaseException) -> None:
        self.error = "handler not found" if isinstance(cause, HandlerNotFound) else "handler error"
        self.message, self.stack = describe(cause)


def load(order: dict) -> Loaded:
    """Makes the process the function's own and runs its entry file."""
    os.environ.update(order["env"])
    try:
        os.chdir(order["dir"])
        project = Project(order["root"], order["paths"])
        entry = order["entry"]
        project.install([os.path.dirname(entry), order["dir"], *order["paths"], order["root"]])
        sys.path.append(HELPERS)
        name = order["handler"].strip() or handler.DEFAULT_NAME
        call, is_async = adapters.adapt(load_entry(entry, project), name, order["adapter"])
    except BaseException as error:  # a module that calls sys.exit() has failed to load as well
        raise LoadFailed(error) from error
    return Loaded(Function(call, EventFactory(order["context"], order["env"])), is_async, project)
