from __future__ import annotations

from types import SimpleNamespace

import pytest

from dashboard.panels import picture_sources


def test_a_folder_that_is_chosen_gives_its_pictures_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        "trip/b.JFIF",
        "trip/._b.JFIF",
        "trip/.DS_Store",
        "trip/Thumbs.db",
        "trip/__MACOSX/a.jpg",
        "trip/rome/a.heic",
    ]
    files = [SimpleNamespace(name=name, getvalue=name.encode) for name in names]
    monkeypatch.setattr(picture_sources.st, "file_uploader", lambda *_given, **_named: files)
    said: list[str] = []
    monkeypatch.setattr(picture_sources.st, "info", said.append)
    assert picture_sources.drop_area(folder=True) == [
        ("trip/b.JFIF", b"trip/b.JFIF"),
        ("trip/rome/a.heic", b"trip/rome/a.heic"),
    ]
    assert len(picture_sources.drop_area()) == len(names)  # who picks a file means it
    assert not said
    del files[0], files[-1]
    assert picture_sources.drop_area(folder=True) == [] and said == ["This folder holds no pictures."]
