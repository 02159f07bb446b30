"""Finds the handler in its module (F66) and binds its arguments (F70-F73)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType

from .event import Event

DEFAULT_NAME = "handler"

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NO_DEFAULT = inspect.Parameter.empty

Handler = Callable[[Event], object]


class HandlerNotFound(Exception):
    """The entry holds nothing to call (F67)."""


class UnboundParameter(Exception):
    """A parameter that neither the route nor a default fills (F71)."""


def find(module: ModuleType, name: str) -> Callable:
    """The attribute called `name`; `main` if the default name is missing."""
    names = [name, "main"] if name == DEFAULT_NAME else [name]
    for candidate in names:
        found = getattr(module, candidate, None)
        if callable(found):
            return found
    raise HandlerNotFound(f"{module.__file__} defines no {' or '.join(f'{name}()' for name in names)}")


def is_async(handler: Callable) -> bool:
    """Whether it belongs on the event loop: `async def`, with or without `yield`, also as a callable object."""
    for function in (handler, getattr(handler, "__call__", None)):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return True
    return False


def bind(handler: Callable) -> Handler:
    """A function of the event that calls `handler` as its signature asks. The signature is read once, here."""
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        return handler  # a callable of C without a signature
    if not parameters:
        return lambda _event: handler()
    takes_event = parameters[0].kind in (*_POSITIONAL, inspect.Parameter.VAR_POSITIONAL)
    injected = [_Injected(parameter) for parameter in parameters[1 if takes_event else 0 :]]
    injected = [parameter for parameter in injected if parameter.kind is not inspect.Parameter.VAR_POSITIONAL]
    if takes_event and not injected:
        return handler
    # A route parameter of the event's own name would be a second value for it.
    event_name = parameters[0].name if parameters[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD else None
    return _injecting(handler, takes_event, injected, event_name)


class _Injected:
    """A parameter after the first, and where its value comes from."""

    __slots__ = ("name", "kind", "default", "by_keyword", "takes_rest")

    def __init__(self, parameter: inspect.Parameter) -> None:
        self.name = parameter.name
        self.kind = parameter.kind
        self.default = parameter.default
        self.takes_rest = parameter.kind is inspect.Parameter.VAR_KEYWORD
        self.by_keyword = parameter.kind is not inspect.Parameter.POSITIONAL_ONLY

    def value(self, event: Event, params: dict[str, str]) -> object:
        name = self.name
        if name in params:
            return params[name]
        if name in ("params", "path_params"):
            return params
        if self.default is not _NO_DEFAULT:
            return self.default
        if name == "context":
            return event["context"]
        raise UnboundParameter(f"parameter '{name}' of the handler is neither a route parameter nor has a default")


def _injecting(handler: Callable, takes_event: bool, injected: list[_Injected], event_name: str | None) -> Handler:
    rest = any(parameter.takes_rest for parameter in injected)
    named = [parameter for parameter in injected if not parameter.takes_rest]
    names = {event_name, *(parameter.name for parameter in named)}

    def call(event: Event) -> object:
        params = event["params"]
        positional = [event] if takes_event else []
        keywords = {}
        for parameter in named:
            value = parameter.value(event, params)
            if parameter.by_keyword:
                keywords[parameter.name] = value
            else:
                positional.append(value)
        if rest:
            keywords.update((name, value) for name, value in params.items() if name not in names)
        return handler(*positional, **keywords)

    return call
