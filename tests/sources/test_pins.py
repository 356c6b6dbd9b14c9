"""A run that is made again finds what it found then, whatever has come since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minewatch import sources
from minewatch.sources._files import found
from minewatch.sources._pins import kept_files, only, pinned

if TYPE_CHECKING:
    from pathlib import Path


def item(name: str, collection: str) -> dict:
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection,
        "geometry": {"type": "Point", "coordinates": [82.5, 22.3]},
        "bbox": [82.5, 22.3, 82.5, 22.3], "properties": {"datetime": "2023-01-10T05:00:00Z"},
        "links": [], "assets": {},
    }  # fmt: skip


def test_a_folder_has_the_files_of_then(tmp_path: Path) -> None:
    (tmp_path / "burst").mkdir()
    for name in ("a.h5", "b.h5", "burst/c.h5", "d.tif"):
        (tmp_path / name).write_text("")
    patterns = ("*.h5", "*.tif")
    with only([tmp_path / "a.h5", tmp_path / "burst"], []):
        names = [path.name for path in found(tmp_path, patterns, by="test")]
        assert names == ["a.h5", "c.h5"]
        # What is given by its own name is read.
        assert found(tmp_path / "b.h5", patterns, by="test") == [tmp_path / "b.h5"]
    with only([tmp_path / "d.tif"], []):  # whose kind was read, when there was no other
        assert [path.name for path in found(tmp_path, patterns, by="test")] == ["d.tif"]
    assert pinned() is None
    assert len(found(tmp_path, patterns, by="test")) == 3


def test_a_catalogue_has_the_items_of_then() -> None:
    items = [item("one", "c"), item("two", "c"), item("one", "d"), item("three", "c")]
    with only([], ["c/one", "c/two"]):
        names = [(one.collection_id, one.id) for one in sources.search(items)]
        assert names == [("c", "one"), ("c", "two")]
        # As many as then are not too many, however many there are now.
        assert len(sources.search(items, max_items=2)) == 2
        with pytest.raises(ValueError, match="no item"):
            sources.search(items[3:])
        assert kept_files([]) == []
    assert len(sources.search(items)) == 4
