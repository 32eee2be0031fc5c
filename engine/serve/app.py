"""The HTTP application: which path does what."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.staticfiles import StaticFiles

from seg.engine.runtimes.base import ImagesNHWC
from seg.engine.serve import kserve_v2
from seg.engine.serve.bodies.process import BodyReader, OpenBody
from seg.engine.serve.bodies.request_body import BodyHeader, is_multipart
from seg.engine.serve.http.admission import Admission, Limits, Reservation, ResponseMiddleware
from seg.engine.serve.http.disconnect import await_until_disconnect
from seg.engine.serve.http.error_handlers import add_error_handlers
from seg.engine.serve.http.errors import HttpError
from seg.engine.serve.http.metrics import Metrics, MetricsMiddleware
from seg.engine.serve.http.read_body import read_body
from seg.engine.serve.labelling.encoding import encoding_memory
from seg.engine.serve.labelling.engine import Engine
from seg.engine.serve.labelling.memory import MemoryBudget
from seg.engine.serve.labelling.messages import Result
from seg.image_type import ImageHWB, ImageType

PAGE: Final = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/zoom.js": ("zoom.js", "text/javascript"),
}
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

FORM_BYTES: Final = 2**16
"""What the wrapping of an image in a form, or of pixels in a request for inference, may take beside it."""

Seconds = Annotated[float | None, Query(gt=0, description="A shorter time than the server's own.")]


class LabelFormat(StrEnum):
    """An 8-bit greyscale PNG with a class position a pixel; run lengths of each class, as JSON; or the
    image as JPEG with its labels drawn over it."""

    png = "png"
    rle = "rle"
    overlay = "overlay"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """An ensemble under a name, and what its clients may ask for.

    `maps` is a folder of zoomable maps that `seg show` wrote.
    """

    name: str
    engine: Engine
    clear: int | None
    limits: Limits
    memory: MemoryBudget
    admission: Admission
    bodies: BodyReader
    metrics: Metrics
    page_lock: asyncio.Lock
    maps: Path | None = None

    async def label(
        self,
        request: Request,
        form: Annotated[LabelFormat, Query(alias="as")] = LabelFormat.png,
        seconds: Seconds = None,
    ) -> Response:
        """The labels of an image: the body's bytes, or the one file of a form."""
        async with self._admitted(request, seconds) as held:
            image_hwc = await self._image(request, held)
            return await self._result(request, held, form.value, image_hwc[None])

    async def look(self, request: Request, seconds: Seconds = None) -> Response:
        """What the page shows: labels and confidence of the ensemble and of each member. One at a time."""
        async with self._admitted(request, seconds) as held:
            image_hwc = await self._image(request, held)
            async with self.page_lock:
                return await self._result(request, held, "page", image_hwc[None])

    async def infer(self, request: Request, model: str) -> Response:
        """The labels of images by the Open Inference Protocol."""
        self._refuse_other(model)
        async with self._admitted(request, None) as held:
            most_bytes = self._image_type.bytes_a_pixel * self.memory.most_pixels
            body = await read_body(request, most_bytes + FORM_BYTES, held)
            async with self.bodies.open(self._header(request, "tensor"), body, held) as opened:
                images_nhwc = await self._pixels(opened, held)
            result: Result = "binary" if opened.request["binary"] else "json"
            return await self._result(request, held, result, images_nhwc, str(opened.request["id"]))

    async def about(self) -> dict[str, Any]:
        """The classes, the members and the limits."""
        facts = self.engine.facts
        return {
            "name": self.name,
            "task": facts.task,
            "classes": [{"id": c.id, "name": c.name, "colour": c.colour} for c in facts.classes],
            "clear": self.clear,
            "members": [
                {"name": member.name, "share": member.share, "views": member.views}
                for member in facts.members
            ],
            "passes": facts.passes,
            "limits": {"pixels": self.memory.most_pixels, "upload": self.limits.upload},
            "tile": self.memory.tile and self.memory.tile.size,
            "maps": self.maps is not None,
        }

    async def live(self) -> Response:
        """Whether the server answers at all."""
        return Response()

    async def ready(self) -> Response:
        """Whether the engine runs; 503 while it starts again."""
        if not self.engine.is_ready:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the engine is starting: try again")
        return Response()

    async def server(self) -> dict[str, Any]:
        """Name and version of the protocol, and its extensions."""
        return {"name": "seg", "version": kserve_v2.VERSION, "extensions": ["binary_tensor_data"]}

    async def model(self, model: str) -> dict[str, Any]:
        """Inputs and outputs of the model."""
        self._refuse_other(model)
        return kserve_v2.model_metadata(self.name, self.engine.facts.label_dtype, self._image_type)

    async def model_ready(self, model: str) -> Response:
        """Whether the model can be asked."""
        self._refuse_other(model)
        return await self.ready()

    async def prometheus(self) -> Response:
        """All metrics."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    @asynccontextmanager
    async def _admitted(self, request: Request, seconds: float | None) -> AsyncIterator[Reservation]:
        """A place until the response is sent, and a time; raises HttpError (429 or 504)."""
        allowed = min(seconds or self.limits.seconds, self.limits.seconds)
        held: Reservation = request.state.until_sent.enter_context(self.admission.request())
        try:
            async with asyncio.timeout(allowed):
                yield held
        except TimeoutError as error:
            raise HttpError(HTTPStatus.GATEWAY_TIMEOUT, f"not done within {allowed:g} s") from error

    async def _image(self, request: Request, held: Reservation) -> ImageHWB:
        is_form = is_multipart(request.headers.get("content-type", ""))
        body = await read_body(request, self.limits.upload + FORM_BYTES * is_form, held)
        async with self.bodies.open(self._header(request, "image"), body, held) as opened:
            image_hwc: ImageHWB = (await self._pixels(opened, held))[0]
            return image_hwc

    def _header(self, request: Request, kind: Literal["image", "tensor"]) -> BodyHeader:
        pixel_range = self.engine.facts.pixel_range
        return BodyHeader(
            kind,
            request.headers.get("content-type", ""),
            request.headers.get(kserve_v2.HEADER_LENGTH),
            self.memory.most_pixels,
            self._image_type.pixels,
            self._image_type.bands,
            pixel_range.percentile if pixel_range else None,
        )

    @property
    def _image_type(self) -> ImageType:
        return self.engine.facts.image_type

    async def _pixels(self, opened: OpenBody, held: Reservation) -> ImagesNHWC:
        held.add(self._image_type.bytes_a_pixel * prod(opened.shape))
        return await opened.pixels()

    async def _result(
        self,
        request: Request,
        held: Reservation,
        result: Result,
        images_nhwc: ImagesNHWC,
        request_id: str = "",
    ) -> Response:
        """What becomes of images; what the engine holds of them is set aside until it is done with them."""
        engine_memory = held.another()
        engine_memory.add(self._engine_memory(result, images_nhwc.shape))
        try:
            future = self.engine.submit(result, images_nhwc, request_id)
        except HttpError:
            engine_memory.release()
            raise
        # Not when the client is gone: the engine finishes what it has begun.
        future.add_done_callback(engine_memory.release)
        try:
            content, headers = await await_until_disconnect(request, asyncio.wrap_future(future))
        finally:
            self.engine.cancel(future)
        held.add(len(content))
        return Response(content, headers=headers)

    def _engine_memory(self, result: Result, shape: tuple[int, ...]) -> int:
        """Bytes."""
        count, *size_hw, _ = shape
        if result == "page":
            return self.memory.page_bytes((size_hw[0], size_hw[1]))
        return count * self.memory.image_bytes((size_hw[0], size_hw[1])) + encoding_memory(
            result, shape, self.engine.facts.label_dtype.itemsize
        )

    def _refuse_other(self, model: str) -> None:
        if model != self.name:
            raise HttpError(HTTPStatus.NOT_FOUND, f"there is no model {model[:80]!r}: this is {self.name!r}")


def build_app(endpoints: Endpoints) -> FastAPI:
    """The HTTP application: every path with its endpoint."""
    app = FastAPI(title=f"seg: {endpoints.name}", docs_url=None, redoc_url=None)
    for path, (name, kind) in PAGE.items():
        app.add_api_route(path, _serve_page_file(name, kind), include_in_schema=False)
    app.add_api_route("/label", endpoints.label, methods=["POST"])
    app.add_api_route("/look", endpoints.look, methods=["POST"])
    app.add_api_route("/about", endpoints.about)
    app.add_api_route("/metrics", endpoints.prometheus)
    app.add_api_route("/v2", endpoints.server)
    app.add_api_route("/v2/health/live", endpoints.live)
    app.add_api_route("/v2/health/ready", endpoints.ready)
    app.add_api_route("/v2/models/{model}", endpoints.model)
    app.add_api_route("/v2/models/{model}/ready", endpoints.model_ready)
    app.add_api_route("/v2/models/{model}/infer", endpoints.infer, methods=["POST"])
    if endpoints.maps is not None:
        app.mount("/maps", StaticFiles(directory=endpoints.maps, html=True))
    add_error_handlers(app)
    app.add_middleware(ResponseMiddleware)
    app.add_middleware(MetricsMiddleware, metrics=endpoints.metrics)
    return app


def _serve_page_file(name: str, kind: str) -> Callable[[], Response]:
    content = files(__package__).joinpath("page", name).read_bytes()
    return lambda: Response(content, media_type=kind, headers=PAGE_HEADERS)
