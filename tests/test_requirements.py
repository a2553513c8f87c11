"""The pins belong to what the project asks for, and are what these tests ran with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from model.common import extras

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def names(requirements: list[str]) -> set[str]:
    """The packages, without the project's own extras."""
    return {re.split(r"[^a-z0-9-]", line.lower())[0] for line in requirements} - {PROJECT["name"]}


def pins(file: str) -> dict[str, set[str]]:
    """The versions pinned for each package: more than one where Python versions differ."""
    found: dict[str, set[str]] = {}
    for name, pinned in re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / file).read_text("utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(pinned)
    return found


@pytest.mark.parametrize(
    ("file", "asked"),
    [
        ("requirements.txt", PROJECT["dependencies"] + EXTRAS["keras"] + EXTRAS["page"]),
        ("requirements-dev.txt", PROJECT["dependencies"] + [line for extra in EXTRAS.values() for line in extra]),
        ("requirements-share.txt", EXTRAS["page"] + EXTRAS["share"]),
    ],
)
def test_every_direct_dependency_is_pinned_and_installed_as_pinned(file: str, asked: list[str]) -> None:
    pinned = pins(file)
    assert names(asked) <= set(pinned)
    assert all(version(name) in pinned[name] for name in names(asked))


def test_all_files_pin_the_same_versions() -> None:
    development = pins("requirements-dev.txt")
    for file in ("requirements.txt", "requirements-share.txt"):
        assert all(development[name] == versions for name, versions in pins(file).items())


def test_requirements_install_the_project_itself() -> None:
    assert (ROOT / "requirements.txt").read_text("utf-8").splitlines()[-1] == "-e ."


def test_what_is_looked_for_before_it_is_used_is_what_an_extra_installs() -> None:
    assert extras.EXTRAS.keys() | {"all", "dev"} == EXTRAS.keys()
    for extra, (packages, sentence) in extras.EXTRAS.items():
        assert set(packages) <= names(EXTRAS[extra])
        assert f"; pip install {' '.join(packages)} installs " in sentence
    for_one_machine = [extra for extra in extras.EXTRAS if extra != "ray"]
    assert EXTRAS["all"] == [f"vitrine[{','.join(for_one_machine)}]"]


def test_without_extras_nothing_heavy_is_asked_for() -> None:
    heavy = {package for packages, _sentence in extras.EXTRAS.values() for package in packages}
    assert not heavy & names(PROJECT["dependencies"])
