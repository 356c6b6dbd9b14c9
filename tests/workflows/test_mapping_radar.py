"""Radars of a run: power stays above 0, and filters that mean nothing are refused."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterfiles import stac_item, write_tif

from minewatch import radar, sources
from minewatch.workflows import MappingSettings
from minewatch.workflows.mapping_images import composites_of
from minewatch.workflows.mapping_radar import check_speckle

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = MappingSettings(catalog="", reference="")


@pytest.mark.parametrize("filtered", ["none", "lee", "lee_sigma"])
def test_beside_bright_targets_power_keeps_its_decibels(
    filtered: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    """On a grid aside of the file's cubic convolution would make a third of all powers negative."""
    power = rng.gamma(4.4, 0.005 / 4.4, (60, 60)).astype("float32")
    power[::6, ::6] = 5.0
    href = write_tif(tmp_path / "vv.tif", power, nodata=-32768)
    item = stac_item("one", {"vv": href}, bounds=(300000, 2469500, 300600, 2470100))
    aside = Affine(10, 0, 300104, 0, -10, 2469993)
    box = GeoBox((40, 40), aside, "EPSG:32645")
    overshot = sources.load([item], like=box, resampling="cubic").vv
    assert float((overshot < 0).mean()) > 0.1
    how = dataclasses.replace(PLAIN, resampling="cubic", speckle=filtered, lee_window=5)
    found = composites_of({"sentinel1": [item]}, box, how)["sentinel1"]
    # At the corners of the map a filter has less than half its window.
    inner = radar.to_db(found.vv)[3:-3, 3:-3]
    assert bool(inner.notnull().all())
    default = dataclasses.replace(how, resampling="default")
    same = composites_of({"sentinel1": [item]}, box, default)["sentinel1"]
    np.testing.assert_array_equal(found.vv, same.vv)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"speckle": "boxcar"}, "use lee"),
        ({"lee_window": 4}, "needs a middle"),
        ({"speckle": "refined_lee", "lee_window": 5}, "windows of 7"),
        ({"looks": 0.0}, "looks is 0.0; use more than 0"),
        ({"looks": float("nan")}, "looks is nan"),
    ],
)
def test_filters_that_mean_nothing_are_refused(wrong: dict[str, object], says: str) -> None:
    check_speckle(PLAIN)
    with pytest.raises(ValueError, match=says):
        check_speckle(dataclasses.replace(PLAIN, **wrong))  # type: ignore[arg-type]
