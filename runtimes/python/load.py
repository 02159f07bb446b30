"""LOAD: from the order of the supervisor to a function that can be called."""

from __future__ import annotations

import os

from . import adapters, handler
from .engine import Function
from .event import EventFactory
from .loader import Project, load_entry


class Loaded:
    """A function, ready to serve."""

    def __init__(self, function: Function, is_async: bool, project: Project) -> None:
        self.function = function
        self.is_async = is_async
        self.project = project


def load(order: dict) -> Loaded:
    """Sets the process up as the function's own and runs its entry file. Raises what the user's code raises."""
    os.environ.update(order["env"])
    os.chdir(order["dir"])
    entry, root = order["entry"], order["root"]
    project = Project(root, order["paths"])
    project.install([os.path.dirname(entry), order["dir"], *order["paths"], root])
    module = load_entry(entry, project)
    call, is_async = adapters.adapt(module, order["handler"].strip() or handler.DEFAULT_NAME, order["adapter"])
    return Loaded(Function(call, EventFactory(order["context"], order["env"])), is_async, project)
