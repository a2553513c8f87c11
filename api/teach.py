"""Teaching over HTTP, for the owner: add pictures to classes, and make a network of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response

from api.bodies import read_pictures
from api.inference import Inference
from api.problems import Problem, busy_problem
from api.routes import _ERRORS, _MANY_PICTURES
from api.schemas import AddedPicture, Failure, TaughtNetwork, TeachProject, to_response
from model.common.errors import BundleError
from model.registry.card import check_name

if TYPE_CHECKING:
    from training.projects.project import Project

_log = logging.getLogger(__name__)
Result = TypeVar("Result")
ProjectName = Annotated[str, Query(description="the project's name, and its network's")]
Careful = Annotated[
    float | None,
    Query(ge=0.5, le=0.99, description="the share of your own pictures that must not be called none of these"),
]
NOT_OWNER = "teaching is for the owner: start the server with VITRINE_API_TOKEN, and send that token"
OWNER: dict[int | str, dict[str, Any]] = {**_ERRORS, 403: {"model": Failure, "description": "not the owner"}}
SECONDS = 10  # after which to ask again while another project is being learnt
router = APIRouter(prefix="/api/teach")


def inference_of_owner(request: Request) -> Inference:
    """Return the server's inference threads. Raises Problem 403 on a server without a token, where anybody may ask."""
    inference: Inference = request.app.state.inference
    if not inference.settings.api_token:
        raise Problem(HTTPStatus.FORBIDDEN, NOT_OWNER)
    return inference


async def answered(request: Request, work: Callable[[], Result]) -> Result:
    """Run `work` in a thread and return its result; its errors become Problems."""
    from training.projects.schema import ProjectError, UnknownProject
    from training.teach.learn import TeachError

    try:
        return await inference_of_owner(request).run(None, work)
    except UnknownProject as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
    except (ProjectError, TeachError) as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def checked(name: str) -> str:
    """Return a project's name. Raises Problem if it cannot be one."""
    try:
        return check_name(name)
    except BundleError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def described(project: Project) -> dict[str, object]:
    """Return a project with the fields of `TeachProject`."""
    return {"name": project.name, "classes": {entry.name: entry.count for entry in project.classes()}}


@router.get("", response_model=list[TeachProject], responses=OWNER)
async def projects(request: Request) -> Response:
    """List the projects, the one that changed last first."""
    return to_response(await answered(request, listed))


def listed() -> list[dict[str, object]]:
    """Return all projects that can be read, with the fields of `TeachProject`."""
    from training.projects.schema import ProjectError
    from training.projects.shelf import list_projects, open_project

    found = []
    for name in list_projects():
        try:
            found.append(described(open_project(name)))
        except (ProjectError, BundleError) as error:  # damaged, or removed meanwhile: the others are there all the same
            _log.warning("%s", error)
    return found


@router.post("/{project}/{label}", response_model=list[AddedPicture], responses=OWNER, openapi_extra=_MANY_PICTURES)
async def add_pictures(request: Request, project: str, label: str) -> Response:
    """Add pictures to a class; the project and the class are made if they are not there yet."""
    from training.projects.shelf import open_or_create

    inference, name = inference_of_owner(request), checked(project)
    inference.check_queue()
    files = await read_pictures(request, inference.settings.batch_files)
    contents = [(file.name, bytes(file.content)) for file in files]
    with inference.queue_slot():
        outcomes = await answered(request, lambda: open_or_create(name).add(label, contents))
    return to_response([{"file": one.name, "status": one.status, "error": one.reason} for one in outcomes])


@router.post("", response_model=TaughtNetwork, responses=OWNER)
async def teach(request: Request, project: ProjectName, careful: Careful = None) -> Response:
    """Learn a project's pictures and make its network a model under the project's name.

    It answers once both files are there; the int8 file takes about half a minute.
    """
    inference_of_owner(request)
    name, state = checked(project), request.app.state
    if getattr(state, "teaching", False):
        raise busy_problem("another project is being learnt", SECONDS)
    state.teaching = True
    try:
        return to_response(await answered(request, lambda: taught(name, careful)))
    finally:
        state.teaching = False


def taught(name: str, careful: float | None) -> dict[str, object]:
    """Learn, keep the model and return it with the fields of `TaughtNetwork`. Raises ProjectError, TeachError."""
    from training.projects.shelf import open_project
    from training.teach.advice import advise
    from training.teach.backbone import load_backbone
    from training.teach.bundle import check_model_name, keep_model
    from training.teach.teach import set_careful
    from training.teach.teach import teach as learn
    from training.teach.versions import compare_with_earlier

    project = open_project(name)
    check_model_name(name, name)
    if careful is not None:
        set_careful(project, careful)
    result, backbone = learn(project), load_backbone()
    compared = compare_with_earlier(project, result, backbone)
    keep_model(project, result, backbone, name)
    report, names = result.report, {picture.id: picture.name for picture in project.pictures()}
    return {
        "model": name,
        "classes": dict(zip(report.classes, report.counts, strict=True)),
        "held_out": report.held_out,
        "right": report.right,
        "accuracy": report.accuracy,
        "interval": report.interval,
        "confusion": report.confusion,
        "findings": [
            {
                "kind": advice.kind,
                "level": advice.level,
                "text": advice.text,
                "files": [names[number] for number in advice.ids if number in names],
            }
            for advice in advise(report, compared)
        ],
        "seconds": round(report.seconds, 3),
    }
