"""The media of the page (pictures, frames, videos and downloads), each requested by an id."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from drivesim.errors import DrivesimError, InputError
from ui.archives import scenario_of
from ui.parts import BUNDLE, WEB, bundle
from ui.services import Services

_FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
_SHORT = {"cache-control": "private, max-age=60"}


def media_routes(services: Services) -> APIRouter:
    """Returns the routes under `/media` and `/page`; missing media give a 404 whose text names no path."""
    router = APIRouter()
    archives, studies, pictures = services.archives, services.studies, services.desk.pictures

    @router.get(f"/page/{BUNDLE}")
    def scripts() -> Response:
        return Response(bundle(), media_type="text/javascript", headers={"cache-control": "no-cache"})

    @router.get("/page/style.css")
    def style() -> Response:
        return Response((WEB / "style.css").read_bytes(), media_type="text/css", headers={"cache-control": "no-cache"})

    @router.get("/media/picture/{key}")
    @_missing_is_404
    def picture(key: str) -> Response:
        content = services.media.get(key)
        if content is None:
            raise InputError("this picture is no longer available; compose it again")
        return Response(content, media_type="image/jpeg", headers=_FOREVER)

    @router.get("/media/composed/{key}")
    @_missing_is_404
    def composed(key: str) -> Response:
        return JSONResponse(services.compositions.shown(key), headers={"cache-control": "no-store"})

    @router.get("/media/start/{name}")
    @_missing_is_404
    def start_picture(name: str) -> Response:
        return Response(pictures.path(name).read_bytes(), media_type="image/png", headers=_FOREVER)

    @router.post("/media/photos")
    async def photo(request: Request) -> Response:
        content = await request.body()
        try:
            return JSONResponse({"name": await run_in_threadpool(pictures.add_upload, content)})
        except DrivesimError as error:
            return JSONResponse({"detail": str(error)}, status_code=422)

    @router.get("/media/archive/{key}/{future}/{index}.jpg")
    @_missing_is_404
    def frame(key: str, future: int, index: int) -> Response:
        return Response(archives.frame_jpeg(key, future, index), media_type="image/jpeg", headers=_SHORT)

    @router.get("/media/archive/{key}/{future}/{index}.json")
    @_missing_is_404
    def frame_boxes(key: str, future: int, index: int) -> Response:
        archive = archives.open(key)
        pixels = archives.frame(key, future, index)
        found = services.composer.findings(pixels, scenario_of(archive), index / archive.layout.fps)
        if found is None:
            raise InputError("these models have no vehicle detector")
        return JSONResponse(found, headers=_SHORT)

    @router.get("/media/archive/{key}/{future}.mp4")
    @_missing_is_404
    def video(key: str, future: int) -> Response:
        return FileResponse(archives.video(key, future), media_type="video/mp4", headers=_SHORT)

    @router.get("/media/archive/{key}.zip")
    @_missing_is_404
    def whole_archive(key: str) -> Response:
        return StreamingResponse(archives.download(key), media_type="application/zip")

    @router.get("/media/archive/{key}.yaml")
    @_missing_is_404
    def archived_scenario(key: str) -> Response:
        scenario = scenario_of(archives.open(key))
        return PlainTextResponse(services.desk.portable(scenario), media_type="application/yaml")

    @router.get("/media/study/{key}/{number}/{side}/{index}.jpg")
    @_missing_is_404
    def blinded_frame(key: str, number: int, side: str, index: int) -> Response:
        study = studies.get(key)
        if number >= len(study.pairs):
            raise InputError("there is no such pair")
        clip = study.pairs[number].side(side)
        return Response(archives.frame_jpeg(clip.archive, clip.future, index), media_type="image/jpeg", headers=_SHORT)

    @router.get("/media/study/{key}/{table}.csv")
    @_missing_is_404
    def study_table(key: str, table: str) -> Response:
        study = studies.get(key)
        text = study.results_csv() if table == "results" else study.votes_csv()
        return PlainTextResponse(text, media_type="text/csv")

    return router


def _missing_is_404(route: Callable[..., Response]) -> Callable[..., Response]:
    @wraps(route)
    def answered(*args: Any, **kwargs: Any) -> Response:
        try:
            return route(*args, **kwargs)
        except InputError as error:
            return JSONResponse({"detail": str(error)}, status_code=404)
        except (DrivesimError, OSError):
            return JSONResponse(
                {"detail": "this cannot be read; check the rollout in the Archives tab"}, status_code=404
            )

    return answered
