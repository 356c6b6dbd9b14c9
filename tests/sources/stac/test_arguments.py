from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import shapely

from minewatch import grids
from minewatch.sources.stac._arguments import area_of, conditions, expression, interval

NS = pd.Timedelta(1, "ns")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("2023", "2023-01-01", "2024-01-01"),
        ("2023-02", "2023-02-01", "2023-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2023-01/2023-03", "2023-01-01", "2023-04-01"),
        (dt.date(2023, 1, 5), "2023-01-05", "2023-01-06"),
        ((dt.date(2023, 1, 5), "2023-01-07"), "2023-01-05", "2023-01-08"),
    ],
)
def test_a_bare_date_is_all_of_it(asked: object, start: str, end: str) -> None:
    assert interval(asked) == (pd.Timestamp(start), pd.Timestamp(end) - NS)


def test_open_ends_moments_and_zones() -> None:
    assert interval(None) is None
    assert interval("../2023") == (None, pd.Timestamp("2024-01-01") - NS)
    assert interval("2023/..") == (pd.Timestamp("2023-01-01"), None)
    assert interval((None, None)) == (None, None)
    moment = pd.Timestamp("2023-01-01 10:00:00")
    assert interval("2023-01-01T12:00:00+02:00") == (moment, moment)
    assert interval(dt.datetime(2023, 1, 1, 10, tzinfo=dt.UTC)) == (moment, moment)


@pytest.mark.parametrize("asked", ["last week", "2023-13", "2023/2024/2025", 2023.5])
def test_what_is_no_datetime_is_refused(asked: object) -> None:
    with pytest.raises(ValueError, match="use '2023-01-01/2023-12-31'"):
        interval(asked)


def test_an_interval_must_run_forward() -> None:
    with pytest.raises(ValueError, match="swap the two"):
        interval("2024/2023")


def test_areas() -> None:
    assert area_of(None, None) is None
    box = shapely.box(82, 22, 83, 23)
    feature = {"type": "Feature", "geometry": shapely.geometry.mapping(box)}
    for asked in (
        area_of((82, 22, 83, 23), None),
        area_of(np.array([82, 22, 83, 23]), None),
        area_of(None, box),
        area_of(None, shapely.geometry.mapping(box)),
        area_of(None, feature),
        area_of(None, {"type": "FeatureCollection", "features": [feature]}),
    ):
        assert asked.equals(box)


def test_a_box_over_the_antimeridian_is_two() -> None:
    area = area_of((179, -18, -179, -16), None)
    assert area.area == pytest.approx(4)
    assert area.intersects(shapely.Point(-179.5, -17))
    assert not area.intersects(shapely.Point(0, -17))


def test_a_grid_is_an_area() -> None:
    grid = grids.geobox((300000, 2470000, 310000, 2480000), crs="EPSG:32645", resolution=100)
    area = area_of(grid, None)
    # 10 km are 0.09 degrees of latitude
    assert area.bounds[3] - area.bounds[1] == pytest.approx(0.09, abs=0.003)
    assert area.contains(shapely.Point(85.11, 22.38))


@pytest.mark.parametrize(
    "box", [(300000, 2470000, 310000, 2480000), (82, 23, 83, 22), (1, 2, 3), (0, -91, 1, 0)]
)
def test_what_is_no_box_in_degrees_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="pass the grid itself"):
        area_of(box, None)


def test_bbox_and_intersects_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="leave one out"):
        conditions(bbox=(82, 22, 83, 23), intersects=shapely.Point(82, 22))


def test_filters_become_json() -> None:
    assert expression(None) is None
    text = expression("eo:cloud_cover < 40 AND platform = 'x'")
    assert text is not None
    assert expression(text) == text
    both = conditions(filter="platform = 'x'", max_cloud_cover=40).expression
    assert both is not None
    assert both["op"] == "and"


@pytest.mark.parametrize("bad", ["cloud = = 3", {"op": "nonsense"}])
def test_a_filter_that_is_no_cql2_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"write e\.g\."):
        expression(bad)  # type: ignore[arg-type]
