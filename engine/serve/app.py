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
from seg.engine.serve import kserve_v2
from seg.engine.serve.admission import Admission, Limits
from seg.engine.serve.batcher import DynamicBatcher
from seg.engine.serve.disconnect import until_disconnect
from seg.engine.serve.encoding import Form, Style
from seg.engine.serve.http_errors import HttpError, install_error_handlers
from seg.engine.serve.metrics import Metrics, MetricsMiddleware
from seg.engine.serve.page_layers import page_layers
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
class Endpoints:
    """An ensemble under a name, and what its clients may ask for."""

    name: str
    ensemble: Ensemble
    batcher: DynamicBatcher
    style: Style
    limits: Limits
    admission: Admission
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
            with self.admission.pixels(pixels_claimed(data, self.limits)):
                image_hwc = await asyncio.to_thread(self._decoded, data)
                labels_hw = await self._labels(request, image_hwc)
                return await asyncio.to_thread(self.style.answer, form, image_hwc, labels_hw)

    async def look(self, request: Request, seconds: Seconds = None) -> Response:
        """What the page shows: labels and confidence of the ensemble and of each member. One at a time."""
        async with self._visit(seconds):
            data = await read_upload(request, self.limits)
            with self.admission.pixels(pixels_claimed(data, self.limits)):
                image_hwc = await asyncio.to_thread(self._decoded, data)
                async with self.looking:
                    return JSONResponse(await asyncio.to_thread(page_layers, self.ensemble, image_hwc))

    async def infer(self, request: Request, model: str) -> Response:
        """The labels of images by the Open Inference Protocol."""
        self._refuse_other(model)
        async with self._visit(None):
            body = await read_body(request, 3 * self.limits.pixels + FORM_BYTES)
            asked, tail = kserve_v2.parse(body, request.headers.get(kserve_v2.HEADER_LENGTH))
            refuse_more_pixels(asked.pixels, self.limits)
            with self.admission.pixels(asked.pixels):
                images_nhwc = kserve_v2.images_of(asked, tail)
                labels = [self._labels(request, image_hwc) for image_hwc in images_nhwc]
                return kserve_v2.answer(self.name, asked, await asyncio.gather(*labels))

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
        if not self.batcher.is_alive:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the engine has stopped")
        return Response()

    async def server(self) -> dict[str, Any]:
        return {"name": "seg", "version": kserve_v2.VERSION, "extensions": ["binary_tensor_data"]}

    async def model(self, model: str) -> dict[str, Any]:
        self._refuse_other(model)
        return kserve_v2.metadata(self.name)

    async def model_ready(self, model: str) -> Response:
        self._refuse_other(model)
        return await self.ready()

    async def figures(self) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    @asynccontextmanager
    async def _visit(self, seconds: float | None) -> AsyncIterator[None]:
        """Be let in, and be done in time; raises HttpError (429 or 504)."""
        allowed = min(seconds or self.limits.seconds, self.limits.seconds)
        with self.admission.request():
            try:
                async with asyncio.timeout(allowed):
                    yield
            except TimeoutError as error:
                raise HttpError(HTTPStatus.GATEWAY_TIMEOUT, f"not done within {allowed:g} s") from error

    def _decoded(self, data: bytes) -> ImageHWC:
        try:
            return decode_image(data, "the image")
        except DataError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, str(error)) from error

    async def _labels(self, request: Request, image_hwc: ImageHWC) -> LabelsHW:
        try:
            return await until_disconnect(request, asyncio.wrap_future(self.batcher.submit(image_hwc)))
        except (SegError, RuntimeError, ValueError, MemoryError) as error:
            line = f"the engine fails on this image: {error}"
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, line) from error

    def _refuse_other(self, model: str) -> None:
        if model != self.name:
            raise HttpError(HTTPStatus.NOT_FOUND, f"there is no model {model[:80]!r}: this is {self.name!r}")


def build_app(endpoints: Endpoints) -> FastAPI:
    """The HTTP application: every path with its endpoint."""
    app = FastAPI(title=f"seg: {endpoints.name}", docs_url=None, redoc_url=None)
    for path, (name, kind) in PAGE.items():
        app.add_api_route(path, _file(name, kind), include_in_schema=False)
    app.add_api_route("/label", endpoints.label, methods=["POST"])
    app.add_api_route("/look", endpoints.look, methods=["POST"])
    app.add_api_route("/about", endpoints.about)
    app.add_api_route("/metrics", endpoints.figures)
    app.add_api_route("/v2", endpoints.server)
    app.add_api_route("/v2/health/live", endpoints.live)
    app.add_api_route("/v2/health/ready", endpoints.ready)
    app.add_api_route("/v2/models/{model}", endpoints.model)
    app.add_api_route("/v2/models/{model}/ready", endpoints.model_ready)
    app.add_api_route("/v2/models/{model}/infer", endpoints.infer, methods=["POST"])
    install_error_handlers(app)
    app.add_middleware(MetricsMiddleware, metrics=endpoints.metrics)
    return app


def _file(name: str, kind: str) -> Callable[[], Response]:
    content = files(__package__).joinpath("page", name).read_bytes()
    return lambda: Response(content, media_type=kind, headers=PAGE_HEADERS)
