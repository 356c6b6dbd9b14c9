"""Squares of a scene and of its labels."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch.conventions import crs_of
from minewatch.learn.segment import chips


def scene(rows: int = 37, columns: int = 50) -> xr.DataArray:
    rng = np.random.default_rng(2)
    coords = {
        "channel": ["vv", "vh"],
        "y": 9e6 - 10.0 * np.arange(rows),
        "x": 5e5 + 10.0 * np.arange(columns),
    }
    values = rng.normal(-12, 3, (2, rows, columns)).astype("f4")
    return xr.DataArray(values, coords, ("channel", "y", "x")).rio.write_crs("EPSG:32721")


def classes(rows: int = 37, columns: int = 50) -> xr.DataArray:
    layer = scene(rows, columns)[0].drop_vars("channel")
    return layer.copy(data=np.random.default_rng(3).integers(0, 4, layer.shape).astype("u1"))


@pytest.mark.parametrize("step", [None, 8, 16, 40])
@pytest.mark.parametrize("chunks", [None, {"y": 13, "x": 17}])
def test_chips_are_slices(step: int | None, chunks: dict[str, int] | None) -> None:
    layers, labels = scene(), classes()
    weights = layers[0].drop_vars("channel") * 0 + 0.5
    given = [layers, labels, weights]
    if chunks is not None:
        given = [layer.chunk(chunks) for layer in given]
    with nothing_computes():
        cut = chips(given[0], given[1], size=16, step=step, weights=given[2])
    assert (cut.chips.chunks is None) == (chunks is None)
    corners = list(zip(cut.top.values.tolist(), cut.left.values.tolist(), strict=True))
    stride = step or 16
    assert corners == [(i, j) for i in range(0, 22, stride) for j in range(0, 35, stride)]
    for chip, (top, left) in enumerate(corners):
        part = {"y": slice(top, top + 16), "x": slice(left, left + 16)}
        npt.assert_array_equal(cut.chips[chip], layers.isel(part))
        npt.assert_array_equal(cut.labels[chip], labels.isel(part))
        assert float(cut.y[chip]) == float(layers.y.isel(y=part["y"]).mean())
        assert float(cut.x[chip]) == float(layers.x.isel(x=part["x"]).mean())
    npt.assert_array_equal(cut.weights, 0.5)
    assert cut.chips.dims == ("chip", "channel", "row", "column")
    assert (cut.chips.dtype, cut.labels.dtype, cut.weights.dtype) == ("float32", "uint8", "float32")
    assert cut.channel.values.tolist() == ["vv", "vh"]
    assert crs_of(cut) == crs_of(layers)
    assert layers.attrs == scene().attrs


@pytest.mark.parametrize("chunks", [None, {"y": 13, "x": 17}])
def test_what_is_no_code_becomes_no_class(chunks: dict[str, int] | None) -> None:
    """300 cut to a byte would be 44, and 2.7 would be 2."""
    for kind, strange in (("i2", (300, -1, 256, 254, 7)), ("f4", (2.7, np.nan, np.inf, 254, 7))):
        labels = classes().astype(kind)
        labels[0, :5] = np.array(strange)
        given = labels if chunks is None else labels.chunk(chunks)
        cut = chips(scene(), given, size=16)
        assert cut.labels.dtype == "uint8"
        assert cut.labels[0, 0, :5].values.tolist() == [255, 255, 255, 254, 7]
        npt.assert_array_equal(cut.labels[0, 1:], labels[1:16, :16])


def test_a_dataset_and_labels_with_gaps_will_do() -> None:
    layers, labels = scene(), classes().astype("f4")
    labels[:4] = np.nan
    cut = chips(layers.to_dataset("channel"), labels, size=16)
    npt.assert_array_equal(cut.chips, chips(layers, classes(), size=16).chips)
    npt.assert_array_equal(cut.labels[0, :4], 255)
    npt.assert_array_equal(cut.labels[0, 4:], classes()[4:16, :16])


def test_chips_say_what_they_need() -> None:
    with pytest.raises(ValueError, match="use a size up to 37"):
        chips(scene(), classes(), size=38)
    with pytest.raises(ValueError, match="a step of 1 or more"):
        chips(scene(), classes(), size=16, step=0)
    with pytest.raises(ValueError, match="on one grid"):
        chips(scene(), classes().isel(x=slice(1, None)), size=16)
    with pytest.raises(ValueError, match="needs dims"):
        chips(scene(), classes().transpose("x", "y"), size=16)
