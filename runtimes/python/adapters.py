"""Handlers written for AWS Lambda or for Cloudflare Workers (F109)."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from types import ModuleType

from . import background, handler
from .event import Event
from .handler import Handler, HandlerNotFound

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MEMORY_LIMIT_MB = "128"  # a number that every Lambda runtime reports; nothing here enforces it
WAIT_UNTIL_SECONDS = 30

# What a fetch Request does not carry.
_CONNECTION_HEADERS = ("host", "content-length", "connection", "transfer-encoding", "expect", "keep-alive")


def adapt(module: ModuleType, name: str, adapter: str) -> tuple[Handler, bool]:
    """The function's handler as a function of the event, and whether it is a coroutine function."""
    if adapter == "aws-lambda":
        return _wrap(handler.find(module, name), _lambda_arguments, _lambda_result)
    if adapter == "cloudflare-worker":
        return _wrap(_find_fetch(module, name), _worker_arguments, lambda _arguments, result: result)
    found = handler.find(module, name)
    return handler.bind(found), handler.is_async(found)


def _wrap(function: Callable, arguments_for: Callable, result_of: Callable) -> tuple[Handler, bool]:
    if not handler.is_async(function):

        def call(event: Event) -> object:
            arguments = arguments_for(event)
            return result_of(arguments, background.settled(function(*arguments)))

        return call, False

    async def call_async(event: Event) -> object:
        arguments = arguments_for(event)
        result = function(*arguments)
        return result_of(arguments, await result if isinstance(result, Awaitable) else result)

    return call_async, True


# -- AWS Lambda, API Gateway payload 2.0


class LambdaContext:
    """The second argument, with the names of both the Node and the Python runtime of Lambda."""

    def __init__(self, event: Event) -> None:
        context = event["context"]
        self._deadline_ms = context["deadline_ms"]
        self._settled: tuple[BaseException | None, object] | None = None
        self.fastfn = context
        self.aws_request_id = self.awsRequestId = event["id"]
        self.function_name = self.functionName = context.get("function_name")
        self.function_version = self.functionVersion = event["version"]
        self.invoked_function_arn = self.invokedFunctionArn = (
            f"arn:aws:lambda:local:000000000000:function:{self.function_name}:{self.function_version}"
        )
        self.memory_limit_in_mb = self.memoryLimitInMB = MEMORY_LIMIT_MB
        self.callback_waits_for_empty_event_loop = self.callbackWaitsForEmptyEventLoop = False

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(self._deadline_ms - time.time() * 1000))

    getRemainingTimeInMillis = get_remaining_time_in_millis

    def done(self, error: object = None, result: object = None) -> None:
        """The first of these decides the answer, whatever the handler returns later."""
        if self._settled is None:
            failure = error if error is None or isinstance(error, BaseException) else RuntimeError(str(error))
            self._settled = (failure, result)

    def succeed(self, result: object = None) -> None:
        self.done(None, result)

    def fail(self, error: object = None) -> None:
        self.done(error if error is not None else "the handler called context.fail()")

    def result(self, returned: object) -> object:
        """What counts: what was settled, else what the handler returned."""
        if self._settled is None:
            return returned
        error, result = self._settled
        if error is not None:
            raise error
        return result


def _lambda_arguments(event: Event) -> tuple[dict, LambdaContext]:
    headers, method, path = event["headers"], event["method"], event["path"]
    payload = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": event["raw_path"].partition("?")[0],
        "rawQueryString": event["query_string"],
        "headers": headers,
        "queryStringParameters": {
            name: ",".join(value) if isinstance(value, list) else value for name, value in event["query"].items()
        }
        or None,
        "pathParameters": event["params"] or None,
        "requestContext": {
            "requestId": event["id"],
            "http": {
                "method": method,
                "path": path,
                "sourceIp": event["client"]["ip"],
                "userAgent": event["client"]["ua"],
                "protocol": "HTTP/1.1",
            },
            "time": _common_log_time(event["ts"]),
            "timeEpoch": event["ts"],
        },
        "body": event["body"],
        "isBase64Encoded": event["is_base64"],
    }
    if "cookie" in headers:
        payload["cookies"] = [cookie.strip() for cookie in headers["cookie"].split(";") if cookie.strip()]
    return payload, LambdaContext(event)


def _common_log_time(epoch_ms: int) -> str:
    """`12/Mar/2020:19:03:58 +0000`, whatever the locale."""
    year, month, day, hour, minute, second, *_ = time.gmtime(epoch_ms / 1000)
    return f"{day:02}/{MONTHS[month - 1]}/{year}:{hour:02}:{minute:02}:{second:02} +0000"


def _lambda_result(arguments: tuple, returned: object) -> object:
    """Adds to the native envelope what only Lambda has: `multiValueHeaders` and `cookies`."""
    result = arguments[1].result(returned)
    if not isinstance(result, dict) or ("cookies" not in result and "multiValueHeaders" not in result):
        return result
    envelope = {key: value for key, value in result.items() if key not in ("cookies", "multiValueHeaders")}
    many = result.get("multiValueHeaders") or {}
    replaced = {name.lower() for name in many}
    single = envelope.get("headers") or {}
    headers = {name: value for name, value in single.items() if name.lower() not in replaced} | many
    if result.get("cookies"):
        headers["Set-Cookie"] = [*_values(headers.pop("Set-Cookie", [])), *result["cookies"]]
    return {"statusCode": 200, **envelope, "headers": headers}


def _values(value: object) -> list:
    return value if isinstance(value, list) else [value]


# -- Cloudflare Workers


class Request:
    """What a `fetch` handler reads: a few members of the Fetch API's Request."""

    def __init__(self, event: Event) -> None:
        headers = event["headers"]
        self.method = event["method"]
        self.url = f"http://{headers.get('host', 'localhost')}{event['raw_path']}"
        self.headers = {name: value for name, value in headers.items() if name not in _CONNECTION_HEADERS}
        self.body = event.raw_body

    async def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    async def json(self) -> object:
        return json.loads(self.body)


class Environment(dict):
    """`event.env`, also by attribute: `env.GREETING`."""

    def __getattr__(self, name: str) -> str:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class WorkerContext:
    """The third argument."""

    def __init__(self, event: Event) -> None:
        self.request_id = self.requestId = event["id"]

    def wait_until(self, work: Awaitable) -> None:
        """Runs on after the answer, at most 30 s."""
        background.run(work, WAIT_UNTIL_SECONDS)

    waitUntil = wait_until

    def pass_through_on_exception(self) -> None:
        """There is no origin to pass to."""

    passThroughOnException = pass_through_on_exception


def _find_fetch(module: ModuleType, name: str) -> Callable:
    for owner in (module, getattr(module, "default", None)):
        fetch = owner.get("fetch") if isinstance(owner, dict) else getattr(owner, "fetch", None)
        if callable(fetch):
            return fetch
    try:
        return handler.find(module, name)
    except HandlerNotFound:
        raise HandlerNotFound(f"the cloudflare-worker adapter requires fetch in {module.__file__}") from None


def _worker_arguments(event: Event) -> tuple[Request, Environment, WorkerContext]:
    return Request(event), Environment(event["env"]), WorkerContext(event)
