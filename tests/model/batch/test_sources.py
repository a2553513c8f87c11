from __future__ import annotations

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.batch.sources import SourceError, list_files, read_bytes
from model.images.decoder import MAX_BYTES, InvalidImage
from tests.drawn import encode, picture
from tests.locked_folder import lock


def test_a_folder_is_walked_by_name_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "sub/c.webp", ".hidden/d.png", "sub/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list(list_files(str(tmp_path))) == [str(tmp_path / name) for name in ("a.JPG", "b.png", "sub/c.webp")]


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".parquet"])
def test_a_list_names_files_beside_it_or_anywhere(tmp_path: Path, suffix: str) -> None:
    names, path = ["a.png", "sub/b.png", "/elsewhere/c.png", "s3://bucket/d.png"], tmp_path / f"list{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"file": names, "label": [1, 2, 3, 4]}), path)
    elif suffix == ".csv":
        path.write_text("\ufefflabel,file\n" + "".join(f"x,{name}\n" for name in names), "utf-8")
    else:
        path.write_text("\n\n".join(names))
    assert list(list_files(str(path))) == [f"{tmp_path}/a.png", f"{tmp_path}/sub/b.png", *names[2:]]


def test_what_is_no_source_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "no-column.csv").write_text("name\na.png\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "latin.txt").write_bytes("café.png".encode("latin-1"))
    (tmp_path / "quote.csv").write_text('file\n"a.png\n' + "b.png\n" * 50_000)
    for name, sentence in (
        ("quote.csv", "field larger than field limit"),
        ("gone", "is no folder, and no list of files (.parquet, .csv, .txt)"),
        ("gone.txt", "No such file"),
        ("no-column.csv", "it has no column 'file'"),
        ("broken.parquet", "is not read as a list of files"),
        ("latin.txt", "is not read as a list of files"),
    ):
        with pytest.raises(SourceError) as caught:
            list(list_files(str(tmp_path / name)))
        assert sentence in str(caught.value)
        assert name in str(caught.value)
    with pytest.raises(SourceError, match="nosuch://a cannot be listed"):
        list(list_files("nosuch://a"))
    with pytest.raises(SourceError, match=r"nosuch://a\.csv is not read as a list of files: Protocol not known"):
        list(list_files("nosuch://a.csv"))


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "locked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    lock(tmp_path / "locked", monkeypatch)
    with pytest.raises(SourceError, match="/locked cannot be listed: Permission denied"):
        list(list_files(str(tmp_path)))


def test_a_path_that_the_system_refuses_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("x" * 300 + ".png\n")
    (file,) = list_files(str(tmp_path / "list.txt"))
    with pytest.raises(InvalidImage, match=r"This file cannot be read: File name too long\."):
        read_bytes(file)


def test_an_address_is_listed_and_read_through_fsspec() -> None:
    memory = fsspec.filesystem("memory")
    content = encode(picture(0), "PNG")
    for name in ("/photos/b.png", "/photos/a/c.jpg", "/photos/.thumbs/d.png", "/photos/readme.txt"):
        memory.pipe(name, content)
    try:
        files = list(list_files("memory://photos"))
        assert files == ["memory:///photos/b.png", "memory:///photos/a/c.jpg"]
        assert read_bytes(files[0]) == content
        with pytest.raises(InvalidImage, match="This file cannot be read"):
            read_bytes("memory:///photos/gone.png")
        memory.pipe("/photos/large.png", b"x" * (MAX_BYTES + 100))
        assert len(read_bytes("memory:///photos/large.png")) == MAX_BYTES + 1
    finally:
        memory.rm("/photos", recursive=True)


def test_a_file_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match=r"There is no such file\."):
        read_bytes(str(tmp_path / "gone.png"))
