"""Korba's open-cast mines through a full STAC API: pgstac, its filters and its pages."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from korba import make_catalog, strangers
from numpy import testing as npt
from servers import pgstac_api, range_server, what_pgstac_lacks

from minewatch import sources, store
from minewatch.workflows import MappingSettings, mapping_run

PAGE = 10  # items that pgstac sends at once unless it is asked for more
ASKED = {
    "collections": ("sentinel-2-l2a", "sentinel-1-rtc"),
    "datetime": "2023-01-01/2023-02-28",
    "max_cloud_cover": 40.0,
}


def of_another_kind(collection: dict) -> dict:
    return collection | {"id": "sentinel-3-olci", "description": "of no use here"}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no item of sentinel2 has a quality layer")
# One of its two scenes comes without blue and green.
@pytest.mark.filterwarnings("ignore:.* layers of sentinel2 are unknown on their dates")
def test_pgstac_filters_and_pages_to_the_map_of_the_static_catalogue(
    real_data: Path, tmp_path: Path
) -> None:
    """Twenty items that fit among 260 that do not: the same items, the same map, to the bit."""
    lacking = what_pgstac_lacks()
    if lacking:
        pytest.skip(lacking)
    fast = {"trees": 20, "max_per_polygon": 40, "resolution": 20.0}
    fine = {"speckle": "lee_sigma", "texture": 7, "select": True, "block": 1000.0}
    static = make_catalog(real_data, tmp_path / "static", pieces=4)
    reference = str(static.parent / "reference.geojson")
    from_files = mapping_run(
        MappingSettings(
            catalog=str(static),
            reference=reference,
            output=str(tmp_path / "files"),
            **fast,
            **fine,
        )
    )
    asked_for = []
    served = tmp_path / "served"
    served.mkdir()
    with range_server(served, before=asked_for.append) as address:
        make_catalog(real_data, served, base_url=address, pieces=4)
        items = json.loads((served / "items.json").read_text())["features"]
        collections = [
            json.loads(path.read_text()) for path in sorted((served / "collections").glob("*.json"))
        ]
        others = strangers(items, 260)
        with pgstac_api([*collections, of_another_kind(collections[0])], [*others, *items]) as api:
            found = sources.search(api, **ASKED, bbox=(82.5, 22.3, 82.6, 22.4))
            assert {item.id for item in found} == {item["id"] for item in items}
            assert len(found) == 20 > PAGE
            with urllib.request.urlopen(f"{api}/search") as answer:
                assert len(json.load(answer)["features"]) == PAGE
            from_server = mapping_run(
                MappingSettings(
                    catalog=api,
                    reference=reference,
                    output=str(tmp_path / "server"),
                    **ASKED,
                    **fast,
                    **fine,
                )
            )
    assert asked_for
    assert not any("missing" in path for path in asked_for)
    used, expected = (
        pd.read_csv(result.folder / "items.csv").drop(columns="catalog", errors="ignore")
        for result in (from_server, from_files)
    )
    pd.testing.assert_frame_equal(used, expected)
    one, other = (
        store.open_cube(result.folder / "probability.zarr", name="probability").load()
        for result in (from_files, from_server)
    )
    npt.assert_array_equal(one, other)
    assert np.isfinite(one).mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ({}, 120),
        ({"collections": "b"}, 60),
        ({"bbox": (80.0, 20.0, 80.95, 21.0)}, 40),
        ({"datetime": "2023-02-01/2023-02-28"}, 28),
        ({"max_cloud_cover": 30}, None),
        ({"filter": "eo:cloud_cover < 30 AND platform = 'one'"}, None),
        ({"filter": "eo:cloud_cover BETWEEN 20 AND 40 OR platform IS NULL"}, None),
        ({"ids": ["item-7", "item-119"]}, 2),
        ({"bbox": (80.0, 20.0, 80.95, 21.0), "datetime": "2023-03", "max_cloud_cover": 50}, None),
    ],
)
def test_the_api_and_the_list_are_searched_alike(api, conditions, count) -> None:
    """pgstac's SQL against our own conditions on the same items."""
    address, items = api
    expected = [item.id for item in sources.search(items, **conditions)]
    assert count is None or len(expected) == count
    assert [item.id for item in sources.search(address, **conditions)] == expected


@pytest.fixture(scope="module")
def api():
    lacking = what_pgstac_lacks()
    if lacking:
        pytest.skip(lacking)
    rng = np.random.default_rng(3)
    days = pd.date_range("2023-01-01", periods=120)
    items = [made_item(number, day, rng) for number, day in enumerate(days)]
    with pgstac_api([made_collection("a"), made_collection("b")], items) as address:
        yield address, items


def made_item(number: int, day: pd.Timestamp, rng: np.random.Generator) -> dict:
    """A third of the items each at 80, 81 and 82 degrees east; radar says nothing of clouds."""
    west = 80.0 + number % 3
    ring = [(west, 20), (west + 0.9, 20), (west + 0.9, 21), (west, 21), (west, 20)]
    properties = {"datetime": f"{day:%Y-%m-%d}T05:00:00Z"}
    if number % 5:
        properties |= {"eo:cloud_cover": round(rng.uniform(0, 100), 1), "platform": "one"}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"item-{number}",
        "collection": "ab"[number % 2],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, 20, west + 0.9, 21],
        "properties": properties,
        "links": [],
        "assets": {},
    }


def made_collection(name: str) -> dict:
    extent = {
        "spatial": {"bbox": [[80, 20, 83, 21]]},
        "temporal": {"interval": [["2023-01-01T00:00:00Z", None]]},
    }
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": name,
        "description": name,
        "license": "other",
        "extent": extent,
        "links": [],
    }
