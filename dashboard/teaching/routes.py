"""What the browser asks for on the page Teach without drawing the page anew: pictures in, answers and lists out."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from api.problems import CLIENT_CLOSED, Problem, busy_problem, problem_response
from dashboard.access.visitors import FOREIGN, classify_connection
from dashboard.presenters import phrases
from dashboard.presenters.charts import FEW_BARS, class_color
from dashboard.teaching.desks import Desk, find_desk
from model.common.errors import VitrineError
from model.datasets.display_names import class_name
from model.i18n.number_format import decimal
from model.i18n.translations import gettext as _
from model.i18n.translations import use_language
from model.images.decoder import MAX_BYTES
from training.projects.archive import add_zip, write_zip
from training.projects.project import MOST_IN_MEMORY
from training.projects.schema import ProjectError
from training.teach.answers import TaughtAnswer

SHOWN = 24  # pictures of a class that are listed unless all are asked for
MOST_LISTED = 2000
MOST_BATCH = 3 * MAX_BYTES  # bytes of several pictures at a time
MOST_ZIP = 4 * 2**30
MOST_HELD = 2 * MOST_IN_MEMORY  # bytes of all visitors' bodies at a time
PICTURES_ZIP = "pictures.zip"
_MOST_CHANGE = 2**16
_PIECE = 2**20  # bytes that are sent at a time
_SECONDS = 60.0  # that the next piece of a body may take
_KEEP = {"Cache-Control": "private, max-age=86400, immutable"}
_NO_STORE = {"Cache-Control": "no-store"}
_Work = Callable[[Desk, Request, IO[bytes]], Response]


def teaching_routes(base: str, names: Collection[str]) -> list[Route]:
    """Return the routes, each below the token of a page's desk.

    Args:
        base: The path of the pages.
        names: As for `classify_connection`.
    """

    def route(path: str, method: str, work: _Work, most: int = 0) -> Route:
        async def endpoint(request: Request) -> Response:
            if classify_connection(request.scope, names) == FOREIGN:
                return problem_response(HTTPStatus.FORBIDDEN, "only pages of this server can do that")
            try:
                # Before a byte of the body is read, so that nobody without a desk can fill memory or disk.
                desk = await run_in_threadpool(_allowed_desk, request)
                with (
                    use_language(desk.language),
                    _Room(most, desk.lesson.project.in_memory) as room,
                    tempfile.SpooledTemporaryFile(MOST_BATCH) as body,
                ):
                    await _read(request, body, room)
                    return await run_in_threadpool(_answer, work, request, body)
            except Problem as problem:
                return problem_response(problem.status, problem.sentence, problem.headers)
            except ClientDisconnect:
                return Response(status_code=CLIENT_CLOSED)

        return Route(f"{base}/teaching/{{token}}/{path}", endpoint, methods=[method])

    return [
        route("state", "GET", _state),
        route(PICTURES_ZIP, "GET", _download),
        route("thumbnails/{sha256}", "GET", _thumbnail),
        route("pictures", "POST", _add, MOST_BATCH),
        route("zip", "POST", _add_zip, MOST_ZIP),
        route("change", "POST", _change, _MOST_CHANGE),
        route("ask", "POST", _ask, MAX_BYTES),
    ]


def _allowed_desk(request: Request) -> Desk:
    """Return the desk of the request. Raises Problem if there is none, or its owner has signed out."""
    desk = find_desk(request.path_params["token"])
    with use_language(desk.language if desk else "en"):
        if desk is None:
            raise Problem(HTTPStatus.GONE, _("This page was idle for too long; reload it."))
        if not desk.allowed:
            raise Problem(
                HTTPStatus.FORBIDDEN, _("Only the owner can do that. Visitors look and try; nothing was changed.")
            )
    return desk


class _Room:
    """Counts the bytes of a body, and of all visitors' bodies that are being received or looked at.

    Args:
        most: Bytes that the body may have.
        visitor: Whether it is a visitor's, whose pictures stay in memory.
    """

    held = 0  # of all visitors; only the event loop counts

    def __init__(self, most: int, visitor: bool) -> None:
        self.most, self.visitor, self.size = min(most, MOST_IN_MEMORY) if visitor else most, visitor, 0

    def __enter__(self) -> _Room:
        return self

    def __exit__(self, *_error: object) -> None:
        _Room.held -= self.size if self.visitor else 0

    def take(self, size: int) -> None:
        """Count so many bytes more. Raises Problem."""
        self.size += size
        _Room.held += size if self.visitor else 0
        if self.size > self.most:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                _("this is larger than {most} MB").format(most=decimal(self.most / 2**20)),
            )
        if _Room.held > MOST_HELD:
            raise busy_problem(_("others are sending pictures now; try again in a moment"))


async def _read(request: Request, body: IO[bytes], room: _Room) -> None:
    """Read the body as it comes. Raises Problem if it is too large or stops half-way, ClientDisconnect."""
    pieces = request.stream()
    try:
        while True:
            async with asyncio.timeout(_SECONDS):
                piece = await anext(pieces, None)
            if piece is None:
                break
            room.take(len(piece))
            await run_in_threadpool(body.write, piece) if room.most > MOST_BATCH else body.write(piece)
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, _("the body stopped half-way")) from None
    body.seek(0)


def _answer(work: _Work, request: Request, body: IO[bytes]) -> Response:
    """Do the work, or say in a sentence why not."""
    desk = _allowed_desk(request)  # asked again: somebody may have signed out while the body came
    try:
        return work(desk, request, body)
    except VitrineError as error:
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    except (KeyError, TypeError, ValueError) as error:
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, f"{type(error).__name__}: {error}")


def _state(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    """Answer with the classes and their newest pictures; ?open=NAME lists more of one class."""
    return _list(desk, request.query_params.get("open", ""))


def _list(desk: Desk, opened: str = "", **more: Any) -> Response:
    project = desk.lesson.project
    revision, found = project.revision, []
    for place, entry in enumerate(project.classes()):
        newest = project.pictures(entry.name)[::-1][: MOST_LISTED if entry.name == opened else SHOWN]
        pictures = [{"id": one.id, "sha256": one.sha256, "name": one.name} for one in newest]
        found.append({"name": entry.name, "count": entry.count, "color": class_color(place), "pictures": pictures})
    return JSONResponse(
        {"revision": revision, "classes": found, "undoable": project.undoable, **more}, headers=_NO_STORE
    )


def _thumbnail(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    content = desk.lesson.project.thumbnail(request.path_params["sha256"])
    return Response(content, media_type="image/jpeg", headers=_KEEP)


def _download(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    """Answer with the project as a ZIP file that can be taught again; it is written to the disk first."""
    name = f"{phrases.safe_file_name(desk.lesson.project.name)}.zip"
    with ExitStack() as closing_unless_sent:
        file = closing_unless_sent.enter_context(tempfile.TemporaryFile())
        try:
            write_zip(desk.lesson.project, file)
        except OSError as error:
            raise ProjectError(_("the ZIP file cannot be written: {reason}").format(reason=error.strerror)) from error
        closing_unless_sent.pop_all()
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Content-Length": str(file.tell()),
        **_NO_STORE,
    }
    file.seek(0)
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _add(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    """Add to ?class=NAME: a line of JSON, [{"name": …, "size": …}], then their bytes one after another."""
    listed = json.loads(body.readline(_MOST_CHANGE))
    files = [(str(entry["name"])[-200:], body.read(max(0, int(entry["size"])))) for entry in listed]
    outcomes = desk.lesson.add(request.query_params["class"], files, request.query_params.get("group", ""))
    refused = [{"name": one.name, "reason": one.reason} for one in outcomes if one.reason]
    counts = {status: sum(one.status == status for one in outcomes) for status in ("added", "known")}
    return JSONResponse({**counts, "refused": refused})


def _add_zip(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    outcomes = add_zip(desk.lesson.project, body)
    refused = [{"name": one.name, "reason": one.reason} for one in outcomes if one.reason]
    counts = {status: sum(one.status == status for one in outcomes) for status in ("added", "known")}
    return JSONResponse({**counts, "refused": refused})


def _change(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    """Change classes or pictures, {"do": …} with what it needs, and answer with the new list."""
    asked, lesson = json.load(body), desk.lesson
    project, done = lesson.project, ""
    match asked:
        case {"do": "add class", "name": str(name)}:
            done = project.add_class(name)
        case {"do": "rename class", "old": str(old), "new": str(new)}:
            done = project.rename_class(old, new)
        case {"do": "remove class", "name": str(name)}:
            project.remove_class(name)
        case {"do": "remove", "ids": list(ids)}:
            project.remove([int(number) for number in ids])
        case {"do": "move", "ids": list(ids), "to": str(label)}:
            project.move([int(number) for number in ids], label)
        case {"do": "undo"}:
            done = lesson.undo()
        case _:
            raise ProjectError(_("this page is from an older version; reload it"))
    return _list(desk, done=done)


def _ask(desk: Desk, request: Request, body: IO[bytes]) -> Response:
    """Answer about a picture, or say that nothing has been learnt yet."""
    found = desk.lesson.ask(body.read())
    if found is None:
        return JSONResponse({"learnt": False}, headers=_NO_STORE)
    colors = {entry.name: class_color(place) for place, entry in enumerate(desk.lesson.project.classes())}
    return JSONResponse(describe(found, colors), headers=_NO_STORE)


def describe(found: TaughtAnswer, colors: dict[str, str]) -> dict[str, Any]:
    """Return an answer as the page shows it: headline, certainty, bars of the likeliest classes, nearest pictures."""
    prediction = found.prediction
    bars = [
        {
            "label": class_name(score.label, prediction.labels),
            "share": score.probability,
            "text": phrases.percent(score.probability),
            "color": colors.get(score.label, "#8A9499"),
        }
        for score in prediction.top(FEW_BARS)
    ]
    return {
        "learnt": True,
        "headline": phrases.headline(prediction),
        "certainty": phrases.certainty(prediction),
        "verdict": prediction.verdict,
        "bars": bars,
        "nearest": [{"sha256": near.sha256, "label": near.label} for near in found.nearest],
        "milliseconds": round(prediction.milliseconds),
    }
