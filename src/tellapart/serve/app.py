"""The addresses of a server, and what each of them does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from tellapart.browser.page import served_page
from tellapart.errors import one_line
from tellapart.explain.heat_map import Explanation
from tellapart.serve import inference_protocol
from tellapart.serve.batcher import Batcher, Work
from tellapart.serve.bodies import pictures_in_body, read_body
from tellapart.serve.description import MODELS, description, page
from tellapart.serve.gate import App, Gate, Log, log_line, refusal_response, whence
from tellapart.serve.limits import Limits
from tellapart.serve.measures import ServerMetrics
from tellapart.serve.refusal import RefusalError
from tellapart.serve.served import AT_ONCE, Served, open_served

Endpoint = Callable[[Any], Awaitable[Any]]
SAFE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


# The page states what it may do by itself; what only a header can say is said here.
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
ELSEWHERE: Final = "pictures are sent here by POST; / has a page for people, /docs the list of addresses"


class Service:
    """One model behind its addresses; `served` is exchanged as a whole; what it has begun it ends."""

    def __init__(self, served: Served, *, limits: Limits, measures: ServerMetrics, log: Log) -> None:
        """Ready to be started."""
        self.served, self.limits, self.measures, self._log = served, limits, measures, log
        self.watch = served.watch()
        self.batcher = Batcher(waiting=limits.waiting, at_once=AT_ONCE)
        self.ready = False
        self._reloading, self._reading = asyncio.Lock(), asyncio.Lock()

    async def ask(self, work: Work, things: Sequence[Any]) -> Sequence[Any]:
        """One answer for each thing within the time for it."""
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                return await self.batcher.ask(work, things)
        except TimeoutError as error:
            raise RefusalError("too_slow") from error

    async def predict(self, request: Any) -> Any:  # noqa: ANN401 - starlette's
        from starlette.responses import JSONResponse

        given = await pictures_in_body(request, self.limits)
        served = self.served
        found = await self.ask(served.answer, given)
        self.count(served, found)
        if len(found) == 1 and "error" in found[0]:
            raise RefusalError("unreadable", detail=found[0]["error"])
        return JSONResponse({"model": served.name, "request": request.state.request, "answers": list(found)})

    def count(self, served: Served, found: Sequence[Mapping[str, Any]]) -> None:
        """Count answers; a line in the log where they show that something has left what testing showed."""
        self.measures.answers(found)
        if served is self.served:  # else another model has taken over meanwhile
            for left in self.watch.see(found):
                self._log(log_line("left what testing showed", **left.to_json()))

    async def explain(self, request: Any) -> Any:  # noqa: ANN401 - starlette's
        from starlette.responses import JSONResponse, Response

        given = await pictures_in_body(request, self.limits)
        if len(given) != 1:
            raise RefusalError("too_many_pictures", detail="one picture is explained at a time")
        served, ((name, _),) = self.served, given
        (explanation,) = await self.ask(served.explain, [(given[0], asked_class(request, served))])
        if explanation.failure:
            raise RefusalError("unreadable", detail=explanation.failure)
        if request.headers.get("accept", "").startswith("application/json"):
            return JSONResponse(heat_document(explanation))
        return Response(await asyncio.to_thread(served.sheet, explanation, title=name), media_type="image/png")

    async def infer(self, request: Any) -> Any:  # noqa: ANN401 - starlette's
        from starlette.responses import JSONResponse

        self._check_name(request)
        body = await read_body(request, self.limits)
        stated = request.headers.get(inference_protocol.HEADER_LENGTH)
        async with self._reading:  # numbers as text take many times their room, so one body at a time
            read = partial(inference_protocol.pictures_in_tensor, body, self.limits, stated=stated)
            identity, pictures = await asyncio.to_thread(read)
        served = self.served
        named = [(f"{place}", pixels) for place, pixels in enumerate(pictures)]
        found = await self.ask(served.answer, named)
        self.count(served, found)
        return JSONResponse(inference_protocol.inferred(served, found, identity=identity))

    async def model_metadata(self, request: Any) -> Any:  # noqa: ANN401 - starlette's
        from starlette.responses import JSONResponse

        self._check_name(request)
        return JSONResponse(inference_protocol.metadata(self.served))

    async def model_ready(self, request: Any) -> Any:  # noqa: ANN401 - starlette's
        self._check_name(request)
        return await self.is_ready(request)

    async def is_ready(self, _: Any) -> Any:  # noqa: ANN401 - starlette's
        from starlette.responses import JSONResponse

        return JSONResponse({"ready": self.ready}, 200 if self.ready else 503)

    async def scrape(self, _: Any) -> Any:  # noqa: ANN401 - starlette's
        from starlette.responses import Response

        self.measures.watch(self.watch)
        content = self.measures.text(waiting=self.batcher.waiting)
        return Response(content, headers={"Content-Type": self.measures.content_type})

    async def reload(self) -> None:
        """Read the model file again; what is there goes on answering until the new one has proved itself."""
        async with self._reloading:
            try:
                served = await asyncio.to_thread(open_served, self.served.path)
            except Exception as error:  # noqa: BLE001  whatever is wrong with the new file, the old one goes on
                self.measures.reload("refused")
                self._log(log_line("reload refused", reason=one_line(str(error))))
            else:
                self.served, self.watch = served, served.watch()
                self.measures.reload("taken")
                self._log(log_line("reload taken", model=served.name, watched=self.watch.watched))

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncIterator[None]:  # noqa: ANN401 - starlette's
        """Work from here to there; what has been asked is answered before the end."""
        self.batcher.start()
        self.ready = True
        self._log(log_line("ready", model=self.served.name, watched=self.watch.watched))
        yield
        self.ready = False
        await self.batcher.close()
        self._log(log_line("stopped"))

    def log_fault(self, error: BaseException, *, request: str) -> None:
        """A fault of ours in the log, with where it came from."""
        self._log(log_line("fault", request=request, **whence(error)))

    def _check_name(self, request: Any) -> None:  # noqa: ANN401 - starlette's
        if request.path_params["name"] != self.served.name:
            raise RefusalError("not_found", detail="no model of this name")


def asked_class(request: Any, served: Served) -> int | None:  # noqa: ANN401 - starlette's
    """The place of the class that is to be explained; None for the one that is answered.

    Raises:
        RefusalError: the model does not know it.
    """
    name = request.query_params.get("class")
    if name is None:
        return None
    if name not in served.classifier.classes:
        raise RefusalError("unknown_class")
    return served.classifier.classes.index(name)


def heat_document(explanation: Explanation) -> dict[str, Any]:
    """A heat map for programs: its values float32 [height, width], row by row, least byte first, in base64."""
    heat = explanation.heat
    if heat is None:
        raise RefusalError("own_fault")
    height, width = heat.values.shape
    values = base64.b64encode(heat.values.astype("<f4").tobytes()).decode("ascii")
    return {
        "class": heat.class_name,
        "method": heat.method,
        "logit": heat.logit,
        "bias": heat.bias,
        "height": height,
        "width": width,
        "values": values,
    }


def make_app(service: Service, *, key: str | None, origins: Sequence[str], log: Log) -> App:
    """The whole application.

    Args:
        service: what answers.
        key: what every request must bring; None for nothing.
        origins: pages of other sites that may ask, "*" for all.
        log: takes a line.
    """
    from starlette.applications import Starlette
    from starlette.middleware.cors import CORSMiddleware
    from starlette.routing import Route

    routes = [Route(path, endpoint, methods=[method]) for method, path, endpoint in endpoints(service)]
    app = Starlette(routes=routes, lifespan=service.lifespan, exception_handlers=handlers(service))
    gate = Gate(app, limits=service.limits, measures=service.measures, key=key, log=log)
    if not origins:
        return gate
    # Around the gate: a page of another site must be able to read that, and why, it was refused there.
    around = CORSMiddleware(
        cast("Any", gate),
        allow_origins=list(origins),
        allow_headers=["*"],
        allow_methods=["GET", "POST"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )
    return cast("App", around)


def endpoints(service: Service) -> list[tuple[str, str, Endpoint]]:
    """Method, address and function of each."""
    from starlette.responses import HTMLResponse, JSONResponse

    async def model(_: Any) -> Any:  # noqa: ANN401 - starlette's
        return JSONResponse(service.served.to_json())

    async def live(_: Any) -> Any:  # noqa: ANN401 - starlette's
        return JSONResponse({"live": True})

    async def server(_: Any) -> Any:  # noqa: ANN401 - starlette's
        import tellapart

        return JSONResponse({"name": "tellapart", "version": tellapart.__version__, "extensions": []})

    async def openapi(_: Any) -> Any:  # noqa: ANN401 - starlette's
        return JSONResponse(description())

    async def cards(_: Any) -> Any:  # noqa: ANN401 - starlette's
        return JSONResponse(await asyncio.to_thread(service.served.page_content))

    async def people(_: Any) -> Any:  # noqa: ANN401 - starlette's
        return HTMLResponse(await asyncio.to_thread(served_page), headers=PAGE_HEADERS)

    async def docs(_: Any) -> Any:  # noqa: ANN401 - starlette's
        return HTMLResponse(page(), headers=SAFE_HEADERS)

    of_model = [
        ("GET", "", service.model_metadata),
        ("GET", "/ready", service.model_ready),
        ("POST", "/infer", service.infer),
    ]
    return [
        ("GET", "/", people),
        ("GET", "/cards", cards),
        ("POST", "/predict", service.predict),
        ("POST", "/explain", service.explain),
        ("GET", "/model", model),
        ("GET", "/health/live", live),
        ("GET", "/health/ready", service.is_ready),
        ("GET", "/metrics", service.scrape),
        ("GET", "/openapi.json", openapi),
        ("GET", "/docs", docs),
        ("GET", "/v2", server),
        ("GET", "/v2/health/live", live),
        ("GET", "/v2/health/ready", service.is_ready),
        *((method, f"{model}{rest}", endpoint) for model in MODELS for method, rest, endpoint in of_model),
    ]


def handlers(service: Service) -> dict[Any, Callable[[Any, Exception], Awaitable[Any]]]:
    """What becomes of errors: none of them says more than its code."""

    async def refused(request: Any, error: Exception) -> Any:  # noqa: ANN401 - starlette's
        given = error if isinstance(error, RefusalError) else RefusalError("own_fault")
        return refusal_response(given, request=request.state.request)

    async def missing(request: Any, _: Exception) -> Any:  # noqa: ANN401 - starlette's
        return refusal_response(RefusalError("not_found"), request=request.state.request)

    async def wrong_method(request: Any, error: Exception) -> Any:  # noqa: ANN401 - starlette's
        detail = ELSEWHERE if request.method == "GET" else ""
        response = refusal_response(RefusalError("wrong_method", detail=detail), request=request.state.request)
        response.headers.update(getattr(error, "headers", None) or {})  # Allow, which RFC 9110, 15.5.6, asks for
        return response

    async def fault(request: Any, error: Exception) -> Any:  # noqa: ANN401 - starlette's
        service.log_fault(error, request=request.state.request)
        return refusal_response(RefusalError("own_fault"), request=request.state.request)

    return {RefusalError: refused, 404: missing, 405: wrong_method, Exception: fault}
