"""What every request goes through: an id, a key where one is asked for, a bound on how many there are, and the log.

The log has a JSON object a line: when, which request, what became of it, and how long it took. Pictures, their names
and keys are never in it.
"""

from __future__ import annotations

import hmac
import json
import re
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

from tellapart.serve.limits import Limits
from tellapart.serve.measures import ServerMetrics
from tellapart.serve.refusal import RETRY_AFTER, RefusalError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Log = Callable[[str], None]
# Without a key, and never full: what watches over the server, and the page, which names nothing of the model.
OPEN: Final = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/")
OWN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Gate:
    """The outermost part of the application."""

    def __init__(self, app: App, *, limits: Limits, measures: ServerMetrics, key: str | None, log: Log) -> None:
        """Around app; key is what every request must bring, None for nothing."""
        self._app, self._limits, self._measures, self._log = app, limits, measures, log
        self._key = None if key is None else key.encode()
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        identity = given if OWN_ID.fullmatch(given) else uuid.uuid4().hex
        scope["state"] = {**scope.get("state", {}), "request": identity}
        started, status = time.perf_counter(), 500

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identity.encode())]
            await send(message)

        self._working += 1
        try:
            refused = self._refused(scope, headers)
            if refused is None:
                await self._app(scope, receive, told)
            else:
                await refusal_response(refused, request=identity)(scope, receive, told)
        finally:
            self._working -= 1
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            self._measures.request(route=route, status=status, seconds=seconds)
            self._log(
                log_line("request", request=identity, method=scope["method"], route=route, status=status, s=seconds)
            )

    def _refused(self, scope: Scope, headers: dict[str, str]) -> RefusalError | None:
        if scope["path"] in OPEN or scope["method"] == "OPTIONS":
            return None
        if self._key is not None:
            scheme, _, brought = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(brought.strip(" ").encode(), self._key)
            if scheme.lower() != "bearer" or not right:  # RFC 6750, and RFC 9110, 11.1: in letters of any size
                return RefusalError("no_key")
        return RefusalError("too_many_requests") if self._working > self._limits.requests else None


def refusal_response(refused: RefusalError, *, request: str) -> Any:  # noqa: ANN401 - starlette's
    """A refusal as JSON, with when to come again where that helps."""
    from starlette.responses import JSONResponse

    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
    if refused.code in RETRY_AFTER:
        headers["Retry-After"] = RETRY_AFTER[refused.code]
    return JSONResponse(refused.to_json(request=request), refused.status, headers)


def log_line(event: str, **more: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """One line of the log."""
    told = {name: round(value, 6) if isinstance(value, float) else value for name, value in more.items()}
    return json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **told})


def whence(error: BaseException) -> dict[str, Any]:
    """What kind of error it is and where it came from, for the log; never what it says, which may name a picture."""
    where = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)][-5:]
    return {"kind": type(error).__name__, "where": where}
