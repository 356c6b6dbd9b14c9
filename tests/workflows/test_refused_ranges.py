"""A map over a network on which a few bytes of one image are refused: one block of several."""

from __future__ import annotations

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any, Literal

import pytest
import rasterio
from killing import assert_same_stores, ledgers, small_blocks
from servers import range_server

from minewatch import simulate
from minewatch.store import filling
from minewatch.store.filling import ledger_of, unfinished
from minewatch.workflows import MappingSettings, mapping_run

SIDE = 32
"""Rows of a block."""
NAMES = ["y 0:32", "y 32:64", "y 64:96", "y 96:128", "y 128:160"]
"""Blocks of the stores of the map."""
ROWS = 16
"""Of a strip of an image."""
GAP = 2**16
"""Bytes from the begin of a strip to that of the next: four times what GDAL fetches at a time."""
STRIP_OFFSETS, LONG = 273, 4


def strips_apart(path: Path) -> list[int]:
    """Write an image anew, its strips far from each other; gives where they begin.

    GDAL fetches 16 KiB at a time, and more of what is read in a row: in a small file no byte can
    be refused that only one block asks for.
    """
    with rasterio.open(path) as old:
        values, profile = old.read(), old.profile
    layout = {"tiled": False, "blockysize": ROWS, "compress": None, "BIGTIFF": "NO"}
    path.unlink()
    with rasterio.open(path, "w", **{**profile, **layout}) as new:
        new.write(values)
    whole = path.read_bytes()
    order = {b"II": "<", b"MM": ">"}[whole[:2]]
    (first,) = struct.unpack_from(f"{order}I", whole, 4)
    (entries,) = struct.unpack_from(f"{order}H", whole, first)
    for at in range(first + 2, first + 2 + 12 * entries, 12):
        tag, kind, count, where = struct.unpack_from(f"{order}HHII", whole, at)
        if tag == STRIP_OFFSETS:
            assert kind == LONG
            break
    size = values.nbytes // values.shape[-2] * ROWS
    apart = [GAP * (number + 1) for number in range(count)]
    strips = struct.unpack_from(f"{order}{count}I", whole, where)
    content = bytearray(GAP * (count + 1))
    content[: min(strips)] = whole[: min(strips)]
    struct.pack_into(f"{order}{count}I", content, where, *apart)
    for old_place, new_place in zip(strips, apart, strict=True):
        strip = whole[old_place : old_place + size]
        content[new_place : new_place + len(strip)] = strip
    path.write_bytes(content)
    with rasterio.open(path) as new:
        assert (new.read() == values).all()
    return apart


@pytest.mark.slow
@pytest.mark.parametrize(("speckle", "missing"), [("none", [2]), ("lee", [1, 2, 3])])
def test_blocks_whose_bytes_are_refused_are_told_and_healed_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    speckle: Literal["none", "lee"],
    missing: list[int],
) -> None:
    """403 for one strip of one image, in the third block; a filter has its neighbours read too."""
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    made = simulate.mine_world(seed=42, size=158)
    simulate.write_stac(made, tmp_path / "stac")
    simulate.write_vectors(made, tmp_path)
    images = sorted((tmp_path / "stac" / "sentinel-1-rtc").rglob("*.tif"))
    begins = {path: strips_apart(path) for path in images}
    # Rows 64 to 80 of the image are 65 to 81 of the map, whose grid begins a row above it.
    target, number = images[1], 2 * SIDE // ROWS
    begin = begins[target][number]
    name = target.relative_to(tmp_path / "stac").as_posix()
    refused, asked, healed = [0], [0], [False]

    def refuse(path: str, first: int, last: int) -> int | None:
        if not path.endswith(name) or last < begin or first >= begin + GAP:
            return None
        asked[0] += 1
        refused[0] += not healed[0]
        return None if healed[0] else 403

    output = tmp_path / "run"
    store = output / "features.zarr"
    with range_server(tmp_path / "stac", within=refuse) as url, small_blocks(SIDE):
        settings = MappingSettings(
            catalog=f"{url}/catalog.json",
            reference=str(tmp_path / "reference.geojson"),
            collections=("sentinel-1-rtc",),
            output=str(output),
            speckle=speckle,
            trees=5,
            max_per_polygon=20,
        )
        wanted = (
            rf"{len(missing)} of {len(NAMES)} blocks of features\.zarr .*asset '{target.stem}' "
            rf"of item '{target.parent.name}' .*a part of the file was refused"
        )
        with pytest.raises(RuntimeError, match=wanted) as got:
            mapping_run(settings)
        assert "\n" not in str(got.value)
        assert refused[0] >= filling.ATTEMPTS
        assert ledgers(output)["features"] == [
            name for number, name in enumerate(NAMES) if number not in missing
        ]
        told = lines(store)
        failed = {line["name"]: line for line in told if line["status"] == "failed"}
        assert list(failed) == [NAMES[number] for number in missing]
        for line in failed.values():
            assert line["attempts"] == filling.ATTEMPTS
            assert "a part of the file was refused" in line["reason"]
        assert not store.exists()
        before = times(unfinished(store))
        healed[0], asked[0] = True, 0
        mapping_run(dataclasses.replace(settings, resume=True))
        assert asked[0] > 0
        # A line more for each and no other; of the chunks of other blocks none is written again.
        now = lines(store)
        assert now[: len(told)] == told
        more = [(line["name"], line["status"]) for line in now[len(told) :]]
        assert more == [(NAMES[number], "done") for number in missing]
        after = times(store)
        again = [each for each in after if after[each] != before.get(each)]
        rows = {each.partition("/c/")[2].partition("/")[0] for each in again}
        assert rows == {str(number) for number in missing}
        mapping_run(dataclasses.replace(settings, output=str(tmp_path / "plain")))
    assert_same_stores(output, tmp_path / "plain")
    files = ("mines.tif", "probability.tif", "mines.geojson", "items.csv", "sizes.csv")
    run, plain = (
        {each: (tmp_path / folder / each).read_bytes() for each in files}
        for folder in ("run", "plain")
    )
    assert [each for each in files if run[each] != plain[each]] == []


def lines(store: Path) -> list[dict[str, Any]]:
    """What the ledger of a store says of its blocks, attempt for attempt."""
    return [json.loads(line) for line in ledger_of(store).read_text().splitlines()[1:]]


def times(store: Path) -> dict[str, int]:
    """When each chunk of a store was written."""
    return {
        path.relative_to(store).as_posix(): path.stat().st_mtime_ns
        for path in store.rglob("c/**/*")
        if path.is_file()
    }
