"""Which path does what."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from seg.data.images import decode_image
from seg.engine.ensemble import Ensemble
from seg.engine.serve import inference
from seg.engine.serve.answers import Form, Style
from seg.engine.serve.counted import Counted
from seg.engine.serve.desk import Desk
from seg.engine.serve.labeller import Labeller
from seg.engine.serve.limits import Limits
from seg.engine.serve.look import look_at
from seg.engine.serve.metrics import Metrics
from seg.engine.serve.presence import unless_gone
from seg.engine.serve.refusal import RefusedError, answer_refusals
from seg.engine.serve.uploads import FORM_BYTES, pixels_claimed, read_body, read_upload, refuse_more_pixels
from seg.errors import DataError, SegError
from seg.labels import ImageHWC, LabelsHW

PAGE: Final = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")} | {
    "/page.js": ("page.js", "text/javascript")
}
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

Seconds = Annotated[float | None, Query(gt=0, description="A shorter time than the server's own.")]


@dataclass(frozen=True, slots=True)
class House:
    """An ensemble under a name, and what its clients may ask for."""

    name: str
    ensemble: Ensemble
    labeller: Labeller
    style: Style
    limits: Limits
    desk: Desk
    metrics: Metrics
    looking: asyncio.Lock

    async def label(
        self,
        request: Request,
        form: Annotated[Form, Query(alias="as")] = Form.png,
        seconds: Seconds = None,
    ) -> Response:
        """The labels of an image: the body's bytes, or the one file of a form."""
        async with self._visit(seconds):
            data = await read_upload(request, self.limits)
            with self.desk.pixels(pixels_claimed(data, self.limits)):
                image_hwc = await asyncio.to_thread(self._decoded, data)
                labels_hw = await self._labels(request, image_hwc)
                return await asyncio.to_thread(self.style.answer, form, image_hwc, labels_hw)

    async def look(self, request: Request, seconds: Seconds = None) -> Response:
        """What the page shows: labels and confidence of the ensemble and of each member. One at a time."""
        async with self._visit(seconds):
            data = await read_upload(request, self.limits)
            with self.desk.pixels(pixels_claimed(data, self.limits)):
                image_hwc = await asyncio.to_thread(self._decoded, data)
                async with self.looking:
                    return JSONResponse(await asyncio.to_thread(look_at, self.ensemble, image_hwc))

    async def infer(self, request: Request, model: str) -> Response:
        """The labels of images by the Open Inference Protocol."""
        self._refuse_other(model)
        async with self._visit(None):
            body = await read_body(request, 3 * self.limits.pixels + FORM_BYTES)
            asked, tail = inference.parse(body, request.headers.get(inference.HEADER_LENGTH))
            refuse_more_pixels(asked.pixels, self.limits)
            with self.desk.pixels(asked.pixels):
                images_nhwc = inference.images_of(asked, tail)
                labels = [self._labels(request, image_hwc) for image_hwc in images_nhwc]
                return inference.answer(self.name, asked, await asyncio.gather(*labels))

    async def about(self) -> dict[str, Any]:
        """The classes, the members and the limits."""
        weight = sum(member.weight for member in self.ensemble.members)
        return {
            "name": self.name,
            "classes": [{"id": c.id, "name": c.name, "colour": c.colour} for c in self.style.classes],
            "clear": self.style.clear,
            "members": [
                {"name": member.name, "share": member.weight / weight, "views": member.views}
                for member in self.ensemble.members
            ],
            "passes": self.ensemble.passes,
            "limits": {"pixels": self.limits.pixels, "upload": self.limits.upload},
        }

    async def live(self) -> Response:
        return Response()

    async def ready(self) -> Response:
        if not self.labeller.is_alive:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the engine has stopped")
        return Response()

    async def server(self) -> dict[str, Any]:
        return {"name": "seg", "version": inference.VERSION, "extensions": ["binary_tensor_data"]}

    async def model(self, model: str) -> dict[str, Any]:
        self._refuse_other(model)
        return inference.metadata(self.name)

    async def model_ready(self, model: str) -> Response:
        self._refuse_other(model)
        return await self.ready()

    async def figures(self) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    @asynccontextmanager
    async def _visit(self, seconds: float | None) -> AsyncIterator[None]:
        """Be let in, and be done in time; raises RefusedError (429 or 504)."""
        allowed = min(seconds or self.limits.seconds, self.limits.seconds)
        with self.desk.request():
            try:
                async with asyncio.timeout(allowed):
                    yield
            except TimeoutError as error:
                raise RefusedError(HTTPStatus.GATEWAY_TIMEOUT, f"not done within {allowed:g} s") from error

    def _decoded(self, data: bytes) -> ImageHWC:
        try:
            return decode_image(data, "the image")
        except DataError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error

    async def _labels(self, request: Request, image_hwc: ImageHWC) -> LabelsHW:
        try:
            return await unless_gone(request, asyncio.wrap_future(self.labeller.submit(image_hwc)))
        except (SegError, RuntimeError, ValueError, MemoryError) as error:
            line = f"the engine fails on this image: {error}"
            raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, line) from error

    def _refuse_other(self, model: str) -> None:
        if model != self.name:
            raise RefusedError(
                HTTPStatus.NOT_FOUND, f"there is no model {model[:80]!r}: this is {self.name!r}"
            )


def build_app(house: House) -> FastAPI:
    """The house's rooms and their doors."""
    app = FastAPI(title=f"seg: {house.name}", docs_url=None, redoc_url=None)
    for path, (name, kind) in PAGE.items():
        app.add_api_route(path, _file(name, kind), include_in_schema=False)
    app.add_api_route("/label", house.label, methods=["POST"])
    app.add_api_route("/look", house.look, methods=["POST"])
    app.add_api_route("/about", house.about)
    app.add_api_route("/metrics", house.figures)
    app.add_api_route("/v2", house.server)
    app.add_api_route("/v2/health/live", house.live)
    app.add_api_route("/v2/health/ready", house.ready)
    app.add_api_route("/v2/models/{model}", house.model)
    app.add_api_route("/v2/models/{model}/ready", house.model_ready)
    app.add_api_route("/v2/models/{model}/infer", house.infer, methods=["POST"])
    answer_refusals(app)
    app.add_middleware(Counted, metrics=house.metrics)
    return app


def _file(name: str, kind: str) -> Callable[[], Response]:
    content = files(__package__).joinpath("page", name).read_bytes()
    return lambda: Response(content, media_type=kind, headers=PAGE_HEADERS)
