"""One of two archives of the same images, on items as Earth Search hands them out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pystac
import pytest

from minewatch.workflows.mapping_collections import COPIES, SENSORS, without_copies

FIRST, SECOND = COPIES


def scene(collection: str, day: int, tile: str = "20EPT", name: str = "") -> pystac.Item:
    when = dt.datetime(2025, 7, day, 13, tzinfo=dt.UTC)
    name = name or f"{collection}-{day}-{tile}"
    return pystac.Item(name, None, None, when, {"grid:code": f"MGRS-{tile}"}, collection=collection)


def collections(items: list[pystac.Item]) -> set[str | None]:
    return {item.collection_id for item in items}


def test_the_archive_with_more_scenes_is_taken() -> None:
    one = [scene(FIRST, day) for day in (1, 6)]
    other = [scene(SECOND, day) for day in (1, 6, 11)]
    assert without_copies([*one, *other]) == other
    assert without_copies([*one, scene(FIRST, 11, "21LTF"), *other[:2]])[0] is one[0]
    more = [*one, scene(FIRST, 11), scene(FIRST, 16)]
    assert without_copies([*other, *more]) == more


def test_of_two_with_as_many_collection_1_is() -> None:
    both = [scene(name, day) for day in (1, 6) for name in (SECOND, FIRST)]
    assert collections(without_copies(both)) == {FIRST} == {"sentinel-2-c1-l2a"}


def test_a_scene_that_was_processed_twice_counts_once() -> None:
    twice = [scene(SECOND, 1, name=f"S2B_20EPT_20250701_{number}_L2A") for number in (0, 1)]
    assert collections(without_copies([*twice, scene(FIRST, 1)])) == {FIRST}


def test_all_else_is_left_as_it_is() -> None:
    others = [scene(name, 1) for name in [*SENSORS, "cop-dem-glo-30"] if name not in COPIES]
    alone = scene(SECOND, 1)
    assert without_copies([*others, alone]) == [*others, alone]
    assert without_copies(others) == others
    assert without_copies([]) == []
    assert set(COPIES) < set(SENSORS)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:Could not parse bucket")
def test_scenes_that_earth_search_has_twice_are_taken_once(real_data: Path) -> None:
    folder = real_data / "stac-recorded" / "earthsearch" / "items"
    found = [
        pystac.Item.from_file(str(path))
        for name in COPIES
        for path in sorted((folder / name).glob("*_*2025*.json"))
    ]
    assert len(found) == 12
    kept = without_copies(found)
    assert collections(kept) == {FIRST}
    assert len({item.properties["grid:code"] for item in kept}) == len(kept) == 6
