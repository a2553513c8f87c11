"""What `pip wheel .` makes: everything is in it, and it works without the repository, whole or as the light part."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from playwright.sync_api import Page, expect

from benchmarks.servers import ADDRESS, ROOT, Server, started
from tests.drawn import draw_cifar10

FROG = ROOT / "sample_images" / "frog-brown.png"
KERAS_2 = ROOT / "tests" / "files" / "keras2" / "deep.h5"
NOT_PACKED = {"tests", "benchmarks", "docs", "scripts", ".ci"}  # of use in the repository alone
WITHOUT = {
    "keras": "Keras is not installed; pip install keras tensorflow h5py installs it",
    "page": "the page is not installed; pip install streamlit pandas plotly installs it",
}


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment of its own, which finds in `packages` what it needs of others' work.

    folder: where its commands are given; it holds nothing but a `model.py`, as any student's may.
    """

    programs: Path
    packages: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("VITRINE_", "STREAMLIT_"))}
        return mine | {"PYTHONPATH": str(self.packages), "PYTHONDONTWRITEBYTECODE": "1"}

    def vitrine(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """`vitrine WORDS`, to its end."""
        return self.run("vitrine", *words)

    def run(self, program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """A program of the environment, to its end."""
        command = [self.programs / program, *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def serving(self, command: str, asked: str) -> AbstractContextManager[Server]:
        """`vitrine COMMAND` on a free port, once `asked` is answered."""
        words = [command, "--host", ADDRESS, "--port", "PORT"]
        return started(words, self.environment, asked, self.programs / "vitrine", self.folder)


def pip(*words: str | Path) -> None:
    """pip without a network, which must not find on PYTHONPATH what it is to install."""
    options = {"PYTHONPATH": "", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}
    subprocess.run([sys.executable, "-m", "pip", *words], env=os.environ | options, check=True)


def versioned() -> list[str]:
    """The repository's files, new ones too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of a copy of the repository in which an earlier version has been built."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in versioned():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    gone = source / "build" / "lib" / "model" / "gone.py"
    gone.parent.mkdir(parents=True)
    gone.touch()
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (made,) = folder.glob("vitrine-*.whl")
    return made


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    programs = folder / Path(sys.executable).parent.name
    pip("--python", programs / "python", "install", "--no-deps", wheel)
    return programs


def own_packages(programs: Path) -> Path:
    """Where the wheel was installed."""
    (found,) = programs.parent.rglob("vitrine-*.dist-info")
    return found.parent


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "model.py").write_text("raise SystemExit('a file of the user was taken for a part of Vitrine')")
    return folder


@pytest.fixture
def light(programs: Path, empty: Path, tmp_path: Path) -> Installed:
    """As `pip install vitrine-….whl` leaves it."""
    return Installed(programs, linked(programs, tmp_path), empty)


@pytest.fixture
def with_page(programs: Path, empty: Path, tmp_path: Path) -> Installed:
    """As `pip install vitrine-….whl[page]` leaves it."""
    return Installed(programs, linked(programs, tmp_path, {"page"}), empty)


@pytest.fixture
def whole(programs: Path, empty: Path) -> Installed:
    """As `pip install vitrine-….whl[all]` leaves it, and some more packages."""
    return Installed(programs, Path(sysconfig.get_path("purelib")), empty)


def linked(programs: Path, parent: Path, extras: Collection[str] = ()) -> Path:
    """A folder with links to the packages that pip would bring along with the wheel and these extras of it."""
    folder = parent / "site-packages"  # under another name, Streamlit takes itself for one that is being worked on
    folder.mkdir()
    (metadata,) = own_packages(programs).glob("vitrine-*.dist-info")
    for package in needed(Distribution.at(metadata), extras):
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(package.locate_file(name))
    return folder


def needed(first: Distribution, extras: Collection[str]) -> list[Distribution]:
    """The packages that this one asks for, and those that they do."""
    found: dict[str, Distribution] = {}
    waiting = [(first, extras)]
    while waiting:
        package, chosen = waiting.pop()
        for requirement in map(Requirement, package.requires or ()):
            marker, name = requirement.marker, requirement.name.lower()
            if name not in found and (
                marker is None or any(marker.evaluate({"extra": extra}) for extra in ["", *chosen])
            ):
                found[name] = distribution(name)
                waiting.append((found[name], requirement.extras))
    return list(found.values())


def test_the_wheel_holds_what_the_repository_holds(wheel: Path) -> None:
    packed = {name for name in versioned() if "/" in name and name.partition("/")[0] not in NOT_PACKED}
    settings = {"vitrine/streamlit/config.toml"}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == packed - {".streamlit/config.toml"} | settings
    for kind in ("model.keras", ".tflite", "best.toml", "history.csv", "vitrine.po", ".jpg", "logo.png", "CREDITS.md"):
        assert any(name.endswith(kind) for name in names), kind


def test_the_light_part_answers_pictures_with_int8(light: Installed) -> None:
    run = light.vitrine("predict", FROG, "--json")
    (answer,) = json.loads(run.stdout)
    assert (answer["category"], answer["engine"], run.returncode) == ("frog", "int8", 0)
    assert [path.name for path in light.folder.iterdir()] == ["model.py"], "answering needs no file"


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("vitrine run", "page"),
        ("vitrine train", "keras"),
        (f"vitrine predict --engine keras {FROG}", "keras"),
        ("vitrine api --port 0 --engine keras", "keras"),
        (f"python -P -m model add {KERAS_2}", "keras"),
        ("python -P -m model quantize", "keras"),
        ("python -P -m training evaluate", "keras"),
    ],
)
def test_what_is_not_installed_says_how_to_install_it(light: Installed, command: str, extra: str) -> None:
    run = light.run(*command.split(" "))
    assert len(run.stderr.splitlines()) == 1
    assert WITHOUT[extra] in run.stderr
    assert (run.stdout, run.returncode) == ("", 1)


def test_the_light_part_serves_the_api(light: Installed) -> None:
    with light.serving("api", "/api/health") as server:
        request = urllib.request.Request(f"{server.url}/predict", FROG.read_bytes(), {"Content-Type": "image/png"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert (answer["category"], answer["engine"]) == ("frog", "int8")
        with urllib.request.urlopen(f"{server.url}/api/models/best", timeout=60) as response:
            assert json.load(response)["engines"] == ["int8"]
        request.full_url = f"{server.url}/predict?engine=keras"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        assert (refused.value.code, json.load(refused.value)["error"]) == (422, WITHOUT["keras"])


def test_the_page_looks_as_in_the_repository_and_answers_without_keras(with_page: Installed, page: Page) -> None:
    with with_page.serving("run", "/_stcore/health") as server:
        page.goto(server.url)
        ship = page.get_by_role("button", name="ship")
        expect(ship).to_be_visible()
        ship.click()
        expect(page.get_by_text("a ship")).to_be_visible()
        colour = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]["light"]["textColor"]
        red, green, blue = bytes.fromhex(colour.removeprefix("#"))
        expect(page.locator(".stApp")).to_have_css("color", f"rgb({red}, {green}, {blue})")


def test_the_whole_of_it_answers_with_keras(whole: Installed) -> None:
    (answer,) = json.loads(whole.vitrine("predict", FROG, "--json").stdout)
    assert (answer["category"], answer["engine"]) == ("frog", "keras")


def test_training_writes_beside_the_user_and_not_among_the_packages(whole: Installed, tmp_path: Path) -> None:
    data, packages = draw_cifar10(tmp_path / "data", 20), own_packages(whole.programs)
    before = sorted(packages.rglob("*"))
    settings = ("epochs=1", "batch_size=50", "data.validation=0.2", "model.widths=[8, 8, 8]")
    chosen = [word for setting in settings for word in ("--set", setting)]
    run = whole.vitrine("train", "--recipe", "fast", "--data", data, "--name", "mine", *chosen)
    assert run.returncode == 0, run.stderr
    assert sorted(packages.rglob("*")) == before
    home = whole.folder / ".vitrine"
    assert (home / "runs" / "mine" / "metrics.json").is_file()
    assert (home / "bundles" / "mine" / "card.json").is_file()
