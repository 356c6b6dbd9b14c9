"""What a map does without is told, each with its reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from shapely.geometry import Polygon, box

from minewatch import learn
from minewatch.workflows import MappingSettings
from minewatch.workflows.mapping_omissions import left_out

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def reference(tmp_path: Path) -> str:
    """A polygon without an outline, three on the map and one beside it."""
    shapes = [
        Polygon(), box(0, 0, 20, 10), box(0, 30, 10, 40), box(900, 900, 910, 910),
        box(20, 0, 30, 40),
    ]  # fmt: skip
    table = gpd.GeoDataFrame({"label": [1, 1, 0, 1, 0]}, geometry=shapes, crs="EPSG:32721")
    table.to_file(tmp_path / "pits.gpkg", driver="GPKG", engine="pyogrio")
    return str(tmp_path / "pits.gpkg")


def test_each_is_told_with_its_reason(reference: str) -> None:
    from minewatch import vectors

    grid = {"y": [35.0, 25, 15, 5], "x": [5.0, 15, 25]}
    ndvi = xr.DataArray(np.arange(12, dtype="f4").reshape(4, 3) / 12, grid, ("y", "x"))
    stack = xr.Dataset({"s2_ndvi": ndvi}).rio.write_crs("EPSG:32721")
    stack.attrs = {"left_out": ["palsar_rfdi"], "dates_left_out": ["landsat8 2024-01-01"]}
    stack.attrs["lacking"] = ["S1A_x vh"]
    samples = learn.draw(stack, vectors.read_polygons(reference))
    learnt = SimpleNamespace(samples=samples, left_out=("s2_bsi",))
    settings = MappingSettings("catalog.json", reference, held_out=reference)
    rows = left_out(settings, stack, learnt)
    assert [(row["what"], row["name"]) for row in rows] == [
        ("covariate", "s2_bsi"),
        ("covariate", "palsar_rfdi"),
        ("date", "landsat8 2024-01-01"),
        ("asset", "S1A_x vh"),
        ("reference polygon", "0"),
        ("reference polygon", "3"),
        ("held_out polygon", "0"),
    ]
    assert rows[4]["reason"] == "no outline with an area"
    assert rows[5]["reason"].startswith("no pixel of it was drawn: outside of the map")
