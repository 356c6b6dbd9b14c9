"""A file or folder appears whole or not at all, and what stood there stays until then."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest

from minewatch import _files
from minewatch._files import heal, sweep, whole


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


def test_what_failed_is_told_though_other_threads_still_write(tmp_path: Path) -> None:
    """A folder that fills while it is removed is removed again: its error is not the one told."""
    begun = threading.Event()

    def write(folder: Path) -> None:
        # Half a second at most: removal is tried for three times as long.
        until = time.monotonic() + 0.5
        with contextlib.suppress(FileNotFoundError):  # the folder is gone
            for number in range(10**9):
                (folder / f"{number}").write_bytes(b"")
                begun.set()
                if time.monotonic() > until:
                    break

    def fail(folder: Path) -> None:
        folder.mkdir()
        threading.Thread(target=write, args=(folder,)).start()
        begun.wait()
        message = "a block failed"
        raise ValueError(message)

    with pytest.raises(ValueError, match="a block failed"), whole(tmp_path / "a.zarr") as partial:
        fail(partial)
    assert not [*tmp_path.iterdir()]


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
    (tmp_path / "tai.zarr").mkdir()
    for path in (*halves, *(tmp_path / name for name in own)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("years of work")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == own | {"maps", "tai.zarr"}


class Killed(BaseException):
    """As if the process ended here: nothing that it would clean up is cleaned up."""


@pytest.mark.parametrize("renames", [1, 2, 3])
def test_a_kill_between_two_renames_is_healed(tmp_path: Path, monkeypatch, renames: int) -> None:
    """Moved aside, moved in, and the old one named as gone: after each the new one is there."""
    target, partial = tmp_path / "tai.zarr", tmp_path / ".tai.0123abca.zarr"
    for folder, name in ((target, "old"), (partial, "new")):
        folder.mkdir()
        (folder / name).write_text(name)
    rename, done = Path.rename, []

    def renamed(path: Path, to: Path) -> Path:
        done.append(rename(path, to))
        if len(done) == renames:
            raise Killed
        return done[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", renamed)
        with pytest.raises(Killed):
            _files.put_in_place(partial, target)
    assert target.exists() == (renames > 1)
    heal(tmp_path)
    assert [path.name for path in target.iterdir()] == ["new"]
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [target]


def test_what_was_moved_aside_alone_goes_back(tmp_path: Path) -> None:
    (tmp_path / ".tai.0123abca.zarr.old").mkdir()
    (tmp_path / ".bashrc.old").mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".bashrc.old", "tai.zarr"]


def test_two_that_put_in_place_what_was_left_do_not_hinder_each_other(
    tmp_path: Path, monkeypatch
) -> None:
    """A reader heals while the writer that it takes for killed is between its two renames."""
    target = tmp_path / "tai.zarr"
    target.mkdir()
    rename = Path.rename

    def renamed(path: Path, to: Path) -> Path:
        there = rename(path, to)
        if there.name.endswith(".old"):
            monkeypatch.undo()
            heal(tmp_path)
        return there

    monkeypatch.setattr(Path, "rename", renamed)
    with whole(target) as partial:
        partial.mkdir()
        (partial / "new").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_kill_left_of_a_removal_is_no_hindrance(tmp_path: Path) -> None:
    target, partial = tmp_path / "tai.zarr", tmp_path / ".tai.unfinished.zarr"
    for folder in (target, partial, tmp_path / ".tai.unfinished.zarr.old.gone"):
        folder.mkdir()
        (folder / "zarr.json").write_text(folder.name)
    _files.put_in_place(partial, target)
    assert list(tmp_path.iterdir()) == [target]
    assert (target / "zarr.json").read_text() == partial.name
