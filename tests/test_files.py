"""A file or folder appears whole or not at all, and what stood there stays until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from minewatch._files import sweep, whole


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "tai.tif"
    target.write_text("old")

    def fail() -> None:
        with whole(target) as partial:
            partial.write_text("half")
            assert partial.suffix == ".tif"
            message = "disk full"
            raise OSError(message)

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_as_one(tmp_path: Path) -> None:
    target = tmp_path / "cube.zarr"
    for name in ("first", "second"):
        with whole(target) as partial:
            partial.mkdir()
            (partial / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make it first"), whole(tmp_path / "no" / "file"):
        pass


def test_a_folder_never_gives_way_to_a_file_nor_a_file_to_a_folder(tmp_path: Path) -> None:
    folder, file = tmp_path / "results", tmp_path / "notes"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    file.write_text("years of work")
    with pytest.raises(FileExistsError, match=r"is a folder .* choose another"), whole(folder) as p:
        p.write_text("a map")
    with pytest.raises(FileExistsError, match=r"is a file .* choose another"), whole(file) as p:
        p.mkdir()
    assert (folder / "thesis.txt").read_text() == file.read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "results"]


def test_what_was_half_written_goes_and_what_is_ones_own_stays(tmp_path: Path) -> None:
    """A folder of results may be a home: hidden files, dated or old, are not ours."""
    own = {".bashrc.old", ".notes.20240131.txt", ".tai.lock", "tai.tif", ".profile"}
    (tmp_path / "maps").mkdir()
    with whole(tmp_path / "tai.tif") as partial:
        partial.write_text("a map")
        halves = [
            partial.with_name(f"{partial.name}{end}")
            for end in ("", ".ovr.tmp", ".old", "-journal")
        ]
    halves += [tmp_path / ".tai.unfinished.zarr.old" / "zarr.json"]
    for path in (*halves, *(tmp_path / name for name in own)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("years of work")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == own | {"maps"}
