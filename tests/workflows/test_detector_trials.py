"""The patch detector on real Sentinel-1 images: a hard case, and ground without mines.

What docs/detections.md tells of both is measured here again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray
import shapely
import xarray as xr
from korba import REFERENCE_CRS, make_catalog
from told import told

from minewatch import grids
from minewatch.learn import patches
from minewatch.workflows import (
    DetectSettings,
    DetectTrainSettings,
    ScoreSettings,
    detect_run,
    detect_train_run,
    score_run,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.data, pytest.mark.slow]

PAGE = "detections.md"
MIDDLE = 659_200.0  # UTM easting between the halves
PIXELS = 32
"""Pixels of a patch: the chip is of 4.0 by 2.5 km, too small for windows of 1,040 m."""
SIDE = 10.0 * PIXELS
SPACING = SIDE / 2


def half(mines: gpd.GeoSeries, ground: shapely.Geometry, west: bool) -> gpd.GeoDataFrame:
    """Points of a half every 160 m whose patches do not reach into the other half."""
    left, bottom, right, top = ground.bounds
    if west:
        right = MIDDLE
    else:
        left = MIDDLE
    x, y = np.meshgrid(
        np.arange(left + SIDE / 2, right - SIDE / 2, SPACING),
        np.arange(bottom + SIDE / 2, top - SIDE / 2, SPACING),
    )
    squares = shapely.box(
        x.ravel() - SIDE / 2, y.ravel() - SIDE / 2, x.ravel() + SIDE / 2, y.ravel() + SIDE / 2
    )
    share = shapely.area(shapely.intersection(squares, mines)) / SIDE**2
    where = gpd.points_from_xy(x.ravel(), y.ravel(), crs=REFERENCE_CRS)
    return gpd.GeoDataFrame({"label": (share >= 0.5).astype(int)}, geometry=where)


def korba_trial(
    real_data: Path, folder: Path, *, west: bool, **kind: object
) -> tuple[list[float], Path]:
    """Two dates of one half teach; the third date of the other half judges."""
    catalog = str(make_catalog(real_data, folder))
    blocks = gpd.read_file(folder / "reference.geojson").to_crs(REFERENCE_CRS)
    mines = blocks[blocks.label == 1].union_all()
    ground = blocks.union_all()
    points = half(mines, ground, west)
    points.to_file(folder / "points.geojson")
    taught = detect_train_run(
        DetectTrainSettings(
            catalog=catalog,
            points=str(folder / "points.geojson"),
            output=str(folder / "detector"),
            datetime="2023-01-01/2023-01-31",
            crs=REFERENCE_CRS,
            size=PIXELS,
            **kind,  # type: ignore[arg-type]
        )
    )
    left, bottom, right, top = ground.bounds
    other = shapely.box(*((MIDDLE, bottom, right, top) if west else (left, bottom, MIDDLE, top)))
    bbox = tuple(gpd.GeoSeries([other], crs=REFERENCE_CRS).to_crs(4326).total_bounds)
    run = detect_run(
        DetectSettings(
            catalog=catalog,
            detector=str(taught.folder / "detector.zip"),
            output=str(folder / "cells"),
            datetime="2023-02-01/2023-02-28",
            crs=REFERENCE_CRS,
            bbox=bbox,
            threshold=0.0,
        )
    )
    score = score_run(
        ScoreSettings(
            detections=str(run.folder / "cells.gpkg"),
            reference=str(folder / "reference.geojson"),
            label="label",
            output=str(folder / "scores"),
            thresholds=(0.0, 0.5, 0.8, 0.9),
        )
    )
    table = pd.read_csv(score.folder / "scores.csv").set_index("threshold")
    assert table.loc[0.0, "recall"] == 1.0  # above nothing, all is a mine
    return [len(points), *table["f1"]], taught.folder / "detector.zip"


def california(real_data: Path) -> list[xr.Dataset]:
    """Every unfiltered chip: 3 km of coast without mines, brought from 30 m to 10 m."""
    folder = real_data / "s1-rtc-opera-california" / "unfiltered"
    found = []
    for path in sorted(folder.glob("*/*_VV.tif")):
        files = {"vv": path, "vh": path.with_name(path.name.replace("_VV.", "_VH."))}
        coarse = xr.Dataset(
            {
                name: rioxarray.open_rasterio(file, masked=True).squeeze("band", drop=True)
                for name, file in files.items()
            }
        )
        box = grids.geobox(coarse.rio.bounds(), crs=coarse.rio.crs, resolution=10.0)
        found.append(xr.Dataset({name: grids.resample(coarse[name], box) for name in files}))
    return found


def alarms(chips: list[xr.Dataset], detector: object, thresholds: tuple[float, ...]) -> list[float]:
    """Share of windows above each threshold; pixels of 30 m are averages already, not filtered."""
    windows = np.concatenate(
        [
            patches.scan(patches.channels(chip, window=None), detector).to_numpy().ravel()
            for chip in chips
        ]
    )
    known = windows[np.isfinite(windows)]
    return [len(known), *((known > threshold).mean() for threshold in thresholds)]


@pytest.mark.filterwarnings("ignore")  # few points, and what a terminal would show
def test_korba_and_california_give_what_the_page_says(real_data: Path, tmp_path: Path) -> None:
    """Half a mine from the other half, and false alarms on the other side of the world.

    Trees differ a little between versions of scikit-learn: a cell more or less of some 150.
    """
    chips = california(real_data)
    assert len(chips) == 42
    for west, name in ((True, "west half"), (False, "east half")):
        (points, *scores), file = korba_trial(
            real_data, tmp_path / name.split()[0], west=west, kind="texture"
        )
        assert scores == pytest.approx(told(PAGE, f"{name}, {points}"), abs=0.03)
        count, *rates = alarms(chips, patches.load_detector(file), (0.5, 0.8, 0.9))
        assert count == 12_138
        shown = told(PAGE, f"{name} of Korba")
        assert [100 * rate for rate in rates] == pytest.approx(shown, abs=5)
