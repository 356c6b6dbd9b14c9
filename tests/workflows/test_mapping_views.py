"""How often the ground is seen: counted beside a map, and told."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import xarray as xr
from numpy import testing as npt

from minewatch import simulate, sources, vectors
from minewatch.grids import coordinates
from minewatch.store import filling
from minewatch.workflows import MappingSettings, mapping_views
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.mapping_inputs import find_items, map_grid
from minewatch.workflows.mapping_views import views_part, write_views


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> MappingSettings:
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=1, size=128)
    simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    return MappingSettings(
        catalog=str(folder / "stac" / "catalog.json"),
        reference=str(folder / "reference.geojson"),
        resolution=20.0,
        counts=True,
    )


def test_views_that_cannot_be_read_are_tried_again_then_told_and_healed(
    settings: MappingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = vectors.read_polygons(settings.reference)
    found, box = find_items(settings, reference), map_grid(settings, reference)
    items = {"landsat8": found["landsat8"]}
    refused = [99]

    def read(counts: xr.Dataset) -> xr.Dataset:
        def block(part: np.ndarray) -> np.ndarray:
            if part.size and refused[0] > 0:
                refused[0] -= 1
                message = "HTTP 503"
                raise OSError(message)
            return part

        lazy = counts.landsat8
        return counts.assign(landsat8=lazy.copy(data=lazy.data.map_blocks(block, dtype="u2")))

    counted = mapping_views.clear_counts
    monkeypatch.setattr(mapping_views, "clear_counts", lambda *given: read(counted(*given)))
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    with pytest.raises(RuntimeError, match=r"1 of 1 blocks of clear_count.zarr .*HTTP 503"):
        write_views(items, box, settings, tmp_path, resume="a")
    assert not (tmp_path / "clear_count.tif").exists()
    refused[0] = 2
    write_views(items, box, settings, tmp_path, resume="a")
    lines = (tmp_path / "clear_count.blocks.jsonl").read_text().splitlines()[1:]
    noted = [(line["status"], line["attempts"]) for line in map(json.loads, lines)]
    assert noted == [("failed", 3), ("done", 6)]
    with rasterio.open(tmp_path / "clear_count.tif") as file:
        npt.assert_array_equal(file.read(1), counted(items, box, settings).landsat8)


def test_views_are_counted_and_told(settings: MappingSettings, tmp_path: Path) -> None:
    reference = vectors.read_polygons(settings.reference)
    items, box = find_items(settings, reference), map_grid(settings, reference)
    write_views(items, box, settings, tmp_path)
    cubes = {
        sensor: sources.load(items[sensor], like=box, mosaic="solar_day")
        for sensor in ("sentinel2", "landsat8")
    }
    quality = {sensor: cube.quality.compute() for sensor, cube in cubes.items()}
    expected = {
        "sentinel2": quality["sentinel2"].isin([4, 5, 6, 7]).sum("time"),
        # Bits 0 to 4: fill, dilated cloud, cirrus, cloud, shadow; beyond the image none is set.
        "landsat8": ((quality["landsat8"] & 0b11111 == 0) & (quality["landsat8"] > 0)).sum("time"),
    }
    with rasterio.open(tmp_path / "clear_count.tif") as file:
        assert file.descriptions == ("sentinel2", "landsat8")
        assert file.dtypes == ("uint16", "uint16")
        assert file.transform == box.transform
        counts = dict(zip(file.descriptions, file.read(), strict=True))
    for sensor, layer in expected.items():
        npt.assert_array_equal(counts[sensor], layer)
    blank = xr.DataArray(np.zeros(box.shape, "u1"), coordinates(box), ("y", "x"))
    part = views_part(settings, tmp_path, SimpleNamespace(items=items, mines=blank))
    seen = part.numbers["clear_views"]["sentinel2"]
    layer = counts["sentinel2"]
    assert (seen["fewest"], seen["most"]) == (layer.min(), layer.max())
    assert seen["images"] == len(items["sentinel2"])
    assert seen["never seen (%)"] == pytest.approx(100 * (layer == 0).mean(), abs=0.005)
    assert f"sentinel2 {layer.min()} to {layer.max()}; landsat8" in part.summary["clear views"]
    assert [row["sensor"] for row in part.sections[0].table] == ["sentinel2", "landsat8"]
    assert list(part.files.values()) == [tmp_path / "clear_count.tif"]
    # Asked for or not at all.
    silent = views_part(dataclasses.replace(settings, counts=False), tmp_path, None)
    assert silent == Part()


def test_radar_alone_has_no_views(settings: MappingSettings, tmp_path: Path) -> None:
    reference = vectors.read_polygons(settings.reference)
    radar = dataclasses.replace(settings, collections=("sentinel-1-rtc",))
    items, box = find_items(radar, reference), map_grid(radar, reference)
    (tmp_path / "clear_count.tif").write_text("of an earlier run")
    write_views(items, box, radar, tmp_path)
    assert not list(tmp_path.iterdir())
    assert not views_part(radar, tmp_path, None).files
