"""A result leaves with name, dtype, units, flags and parameters, and without old attributes."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr
from laziness import nothing_computes

from minewatch.conventions import Layer, conform, plain_attrs

ACTIVITY = Layer(
    "activity", "mine activity", dtype="uint8", flags={"undecided": 0, "stable": 1, "active": 2}
)


def test_conform_says_what_a_layer_is() -> None:
    raw = xr.DataArray(
        np.array([0, 2], "int64"), dims="x", attrs={"junk": object()}, coords={"spatial_ref": 0}
    ).chunk()
    with nothing_computes():
        result = conform(raw, ACTIVITY, threshold=np.float64(0.19), by=None, window=(3, 10))
    assert result.name == "activity"
    assert result.dtype == np.uint8
    assert "spatial_ref" in result.coords
    assert result.attrs == {
        "long_name": "mine activity",
        "units": "1",
        "flag_values": [0, 1, 2],
        "flag_meanings": "undecided stable active",
        "threshold": 0.19,
        "window": [3, 10],
    }
    assert "junk" in raw.attrs


def test_conform_leaves_a_layer_that_needs_no_change_as_it_was() -> None:
    mine = xr.DataArray(np.zeros(2, "f4"), dims="x", name="red", attrs={"units": "DN"})
    for given in (mine, mine.chunk()):
        conform(given, Layer("index", "an index of one band"))
        assert given.name == "red"
        assert given.attrs == {"units": "DN"}


def test_plain_attributes_are_json() -> None:
    odd = {
        "array": np.arange(3),
        "nested": (np.float32(0.5), (True, None)),
        "when": np.datetime64("2022-06-24"),
        "thing": Layer("a", "b"),
    }
    plain = plain_attrs(odd)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["array"] == [0, 1, 2]
    assert plain["when"] == "2022-06-24"
