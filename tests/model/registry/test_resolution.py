from __future__ import annotations

from pathlib import Path

import pytest

from model.common.errors import BundleError
from model.registry import locations, resolution
from model.registry.resolution import find_bundle
from tests.model.registry.bundles import make


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shipped bundles `fast` and `shared`, own bundles `mine` and another `shared`."""
    monkeypatch.setattr(locations, "BUNDLES", tmp_path / "shipped")
    monkeypatch.setattr(resolution, "DEFAULT", "fast")
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("shipped/fast", "shipped/shared", "home/bundles/mine", "home/bundles/shared"):
        make(tmp_path / name)
    return tmp_path


def test_a_bundle_is_found_by_name_default_and_path(places: Path) -> None:
    elsewhere = make(places / "elsewhere")
    assert find_bundle("default") == places / "shipped/fast"
    assert find_bundle("fast") == places / "shipped/fast"
    assert find_bundle("mine") == places / "home/bundles/mine"
    assert find_bundle(str(elsewhere)) == elsewhere


def test_an_own_bundle_does_not_hide_a_shipped_one(places: Path) -> None:
    assert find_bundle("shared") == places / "shipped/shared"


def test_own_bundles_follow_vitrine_home(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(places / "another"))
    with pytest.raises(BundleError):
        find_bundle("mine")
    monkeypatch.delenv("VITRINE_HOME")
    monkeypatch.chdir(places)
    make(places / ".vitrine/bundles/local")
    assert find_bundle("local").resolve() == places / ".vitrine/bundles/local"


def test_an_unknown_name_lists_names(places: Path) -> None:
    with pytest.raises(BundleError) as caught:
        find_bundle("fsat")
    assert str(caught.value) == "unknown model 'fsat'; models: default, fast, shared, mine; did you mean 'fast'?"
