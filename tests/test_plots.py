"""Figures: what is drawn is what was given, where it lies, and readable."""

from __future__ import annotations

import subprocess
import sys

import dask
import geopandas as gpd
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import shapely
import xarray as xr
from drawn import UTM, image_of, square_layer, texts

from minewatch import grids, plots
from minewatch.conventions.colours import MISSING_COLOUR, class_colours
from minewatch.plots import canvas


def activity_layer(codes):
    return square_layer(
        codes.astype("uint8"),
        "activity",
        flag_values=[0, 1, 2],
        flag_meanings="undecided stable active",
    )


def rendered(figure, tmp_path):
    from matplotlib.image import imread

    return imread(plots.save(figure, tmp_path / "figure.png", dpi=80))


# --- maps


def test_a_map_shows_its_values_where_they_lie(rng):
    values = rng.uniform(size=(30, 50)).astype("float32")
    values[3, 4] = np.nan
    layer = square_layer(values)
    before = layer.copy(deep=True)
    figure = plots.map_figure(layer, title="Pit")
    image = image_of(figure)
    npt.assert_array_equal(image.get_array().filled(np.nan), values)
    npt.assert_allclose(image.get_extent(), (500.0, 501.0, 9280.0, 9280.6))
    assert image.get_clim() == (0, 1)
    written = texts(figure)
    assert {"Pit", "easting (km)", "northing (km)", "Temporal activity index"} <= set(written)
    assert layer.identical(before)


def test_what_is_missing_is_light_grey(tmp_path):
    picture = rendered(plots.map_figure(square_layer(np.full((20, 20), np.nan))), tmp_path)
    grey = np.all(np.isclose(picture[..., :3], int(MISSING_COLOUR[1:3], 16) / 255, atol=0.01), -1)
    assert grey.mean() > 0.3


def test_limits_follow_the_quantity_or_the_values(rng):
    values = rng.normal(size=(40, 40))
    assert image_of(plots.map_figure(square_layer(values, "ndai"))).get_clim()[0] == pytest.approx(
        -np.percentile(np.abs(values), 98), abs=0.3
    )
    low, high = image_of(plots.map_figure(square_layer(values, "ndai"))).get_clim()
    assert low == -high
    npt.assert_allclose(
        image_of(plots.map_figure(square_layer(values, "elevation"))).get_clim(),
        np.percentile(values, [2, 98]),
    )
    drawn = plots.map_figure(square_layer(values, "elevation"), limits=(-9, 9), colours="gray")
    assert image_of(drawn).get_clim() == (-9, 9)
    assert image_of(drawn).get_cmap().name == "gray"
    flat = image_of(plots.map_figure(square_layer(np.ones((4, 4)), "elevation")))
    assert flat.get_clim() == (0.5, 1.5)


def test_large_maps_are_averaged_and_large_class_maps_thinned(rng, monkeypatch):
    monkeypatch.setattr(canvas, "MOST", 20)
    values = rng.uniform(size=(40, 60))
    image = image_of(plots.map_figure(square_layer(values)))
    expected = values[:39].reshape(13, 3, 20, 3).mean(axis=(1, 3))
    npt.assert_allclose(image.get_array()[:13], expected)
    assert image.get_array().shape == (14, 20)
    codes = rng.integers(0, 3, (40, 60))
    image = image_of(plots.map_figure(activity_layer(codes)))
    npt.assert_array_equal(image.get_array(), codes[::3, ::3])


def test_a_lazy_map_is_drawn_without_its_pixels(rng, monkeypatch):
    """Only counts and a thinned map come out of the tasks."""
    monkeypatch.setattr(canvas, "MOST", 20)
    codes = rng.integers(0, 3, (40, 60))
    codes[5:9, 7] = 255
    wanted = plots.map_figure(activity_layer(codes))
    layer = activity_layer(codes).chunk(y=7, x=13)
    seen = []
    compute = dask.compute
    monkeypatch.setattr(dask, "compute", lambda *args: seen.append(args) or compute(*args))
    figure = plots.map_figure(layer)
    assert len(seen) == 1
    counts, shown = seen[0]
    assert {count.shape for count in counts.values()} == {(40,)}
    assert shown.shape == (14, 20)
    npt.assert_array_equal(image_of(figure).get_array(), image_of(wanted).get_array())
    assert texts(figure) == texts(wanted)
    assert any(text.startswith("no data\n0.160 ha") for text in texts(figure))  # 4 pixels of 20 m


def test_the_averaged_map_ends_where_the_layer_ends(monkeypatch):
    monkeypatch.setattr(canvas, "MOST", 10)
    figure = plots.map_figure(square_layer(np.zeros((25, 40))))
    left, right, bottom, top = image_of(figure).get_extent()
    # 28 rows are drawn, of which the last three are padding: 28 x 20 m from the top
    npt.assert_allclose((left, right, bottom, top), (500.0, 500.8, 9279.94, 9280.5))
    npt.assert_allclose(figure.axes[0].get_ylim(), (9280.0, 9280.5))


def test_classes_have_their_colours_and_hectares(tmp_path):
    codes = np.zeros((50, 50), int)
    codes[:10] = 2  # 500 pixels of 400 m²
    codes[10:15] = 255
    codes[15:40] = 1
    figure = plots.map_figure(activity_layer(codes))
    written = texts(figure)
    assert {"active\n20.0 ha", "no data\n10.0 ha", "stable\n50.0 ha", "undecided\n20.0 ha"} <= set(
        written
    )
    assert sum("ha" in text for text in written) == 4
    picture = rendered(figure, tmp_path)
    for _, colour in class_colours(activity_layer(codes).attrs).values():
        rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        assert np.isclose(picture[..., :3], rgb, atol=0.01).all(axis=-1).mean() > 0.02
    whole = activity_layer(np.ones((5, 5), int))
    assert not any("no data" in text for text in texts(plots.map_figure(whole)))


def test_masks_and_slant_range_and_degrees(rng):
    mask = square_layer(rng.uniform(size=(10, 10)) > 0.3, "stable")
    assert any(text.startswith("stable\n") for text in texts(plots.map_figure(mask)))
    slant = xr.DataArray(rng.uniform(size=(84, 338)), dims=("y", "x"), name="coherence")
    figure = plots.map_figure(slant)
    assert {"range sample", "azimuth line"} <= set(texts(figure))
    npt.assert_array_equal(image_of(figure).get_extent(), [-0.5, 337.5, 83.5, -0.5])
    shares = xr.DataArray(np.array([[1, 1, 1, 0]], "uint8"), dims=("y", "x"), name="activity")
    shares.attrs = activity_layer(np.zeros((1, 1))).attrs
    assert "stable\n75%" in texts(plots.map_figure(shares))
    box = grids.geobox((4.88, 52.3, 4.91, 52.4), crs="EPSG:4326", resolution=0.001)
    degrees = xr.DataArray(
        rng.normal(size=box.shape), dims=("y", "x"), coords=grids.coordinates(box)
    )
    figure = plots.map_figure(degrees)
    assert {"longitude (°)", "latitude (°)"} <= set(texts(figure))
    # a degree of latitude is longer on the page, as it is on the ground
    assert figure.axes[0].get_aspect() == pytest.approx(1 / np.cos(np.radians(52.35)))


def test_north_is_up_whichever_way_the_rows_run(rng, tmp_path):
    values = np.zeros((20, 20))
    values[0] = 1  # the northernmost row
    layer = square_layer(values)
    one = rendered(plots.map_figure(layer), tmp_path)
    other = rendered(plots.map_figure(layer.isel(y=slice(None, None, -1))), tmp_path)
    npt.assert_allclose(one, other, atol=0.02)


def test_outlines_are_drawn_where_they_lie():
    ring = shapely.box(500_100, 9_280_100, 500_300, 9_280_200)
    outlines = gpd.GeoDataFrame(geometry=[ring, shapely.Polygon()], crs=UTM).to_crs("EPSG:4326")
    layer = square_layer(np.zeros((30, 50)))
    figure = plots.map_figure(layer, outlines=outlines)
    white, black = figure.axes[0].collections
    drawn = black.get_segments()[0]
    npt.assert_allclose(shapely.Polygon(drawn).bounds, np.array(ring.bounds) / 1000, atol=1e-5)
    assert white.get_linewidths()[0] > black.get_linewidths()[0]
    assert figure.axes[0].get_xlim() == pytest.approx((500.0, 501.0))
    assert len(plots.map_figure(layer, outlines=outlines.iloc[:0]).axes[0].collections) == 0
    with pytest.raises(ValueError, match="set_crs"):
        plots.map_figure(layer, outlines=gpd.GeoDataFrame(geometry=[ring]))
    with pytest.raises(ValueError, match="geocode"):
        plots.map_figure(layer.drop_vars("spatial_ref"), outlines=outlines)


def test_activity_is_shown_twice_on_one_grid(rng):
    tai = xr.Dataset(
        {
            "tai": square_layer(rng.uniform(size=(20, 30))),
            "activity": activity_layer(rng.integers(0, 3, (20, 30))),
        }
    )
    figure = plots.activity_figure(tai, title="2022")
    npt.assert_array_equal(image_of(figure, 0).get_array(), tai["tai"])
    npt.assert_array_equal(image_of(figure, 1).get_array(), tai["activity"])
    assert image_of(figure, 0).get_extent() == image_of(figure, 1).get_extent()
    assert "2022" in texts(figure)
    with pytest.raises(KeyError, match="tai and activity"):
        plots.activity_figure(tai[["tai"]])
    with pytest.raises(ValueError, match="isel"):
        plots.activity_figure(tai.expand_dims("season"))


def test_probability_of_one_class(rng):
    values = rng.uniform(size=(2, 10, 10))
    layer = square_layer(values[0], "probability").drop_vars(["x", "y", "spatial_ref"])
    probability = xr.concat([layer, layer.copy(data=values[1])], dim="class")
    probability = probability.assign_coords({"class": [0, 1]})
    npt.assert_array_equal(image_of(plots.probability_figure(probability)).get_array(), values[1])
    other = plots.probability_figure(probability, positive=0)
    npt.assert_array_equal(image_of(other).get_array(), values[0])
    flat = plots.probability_figure(probability.sel({"class": 1}))
    npt.assert_array_equal(image_of(flat).get_array(), values[1])
    with pytest.raises(KeyError, match=r"\[0, 1\]"):
        plots.probability_figure(probability, positive="mine")


def test_maps_say_what_they_need(rng):
    with pytest.raises(ValueError, match="dims"):
        plots.map_figure(xr.DataArray(np.zeros((2, 3, 4)), dims=("pair", "y", "x")))


# --- charts


def ledger(pairs=6):
    start = pd.date_range("2022-01-04", periods=pairs, freq="12D").to_numpy()
    reason = np.array([0, 0, 1, 0, 4, 1], "uint8")[:pairs]
    return xr.Dataset(
        {
            "stable_mean": ("pair", np.array([0.9, 0.85, 0.7, 0.93, 0.88, 0.62])[:pairs]),
            "stable_std": ("pair", np.full(pairs, 0.05)),
            "valid_share": ("pair", np.ones(pairs)),
            "keep": ("pair", reason == 0),
            "reason": (
                "pair",
                reason,
                {
                    "flag_values": [0, 1, 4],
                    "flag_meanings": "kept low_stable_coherence baseline_too_long",
                },
            ),
        },
        coords={
            "pair": np.arange(pairs),
            "reference_time": ("pair", start),
            "secondary_time": ("pair", start + np.timedelta64(12, "D")),
            "perpendicular_baseline": ("pair", np.array([10.0, -50, 80, np.nan, 300, 5])[:pairs]),
        },
        attrs={"minimum": 0.8, "max_perpendicular_baseline": 250.0},
    )


def test_every_pair_is_shown_with_its_fate():
    figure = plots.ledger_figure(ledger(), title="Track 42")
    written = texts(figure)
    assert {
        "kept (3)",
        "dropped: low stable coherence (2)",
        "dropped: baseline too long (1)",
        "kept from 0.8",
        "Track 42",
    } <= set(written)
    upper, lower = figure.axes
    shown = [line.get_ydata() for line in upper.lines if line.get_marker() == "o"]
    npt.assert_array_equal(np.concatenate(shown), [0.9, 0.85, 0.93, 0.7, 0.62, 0.88])
    limits = [line.get_ydata()[0] for line in lower.lines if line.get_linestyle() == "--"]
    assert limits == [-250, 250]


def test_a_ledger_without_reasons_or_limits():
    plain = ledger().drop_vars("reason")
    plain.attrs = {}
    written = texts(plots.ledger_figure(plain))
    assert "dropped (3)" in written
    kept = plain.isel(pair=plain["keep"].values).chunk()
    assert "kept (3)" in texts(plots.ledger_figure(kept))
    bare = plots.ledger_figure(plain.drop_vars("perpendicular_baseline"))
    assert "kept (3)" in texts(bare)
    drawn = [line.get_ydata() for line in bare.axes[1].lines if line.get_marker() == "o"]
    assert np.isnan(np.concatenate(drawn)).all()


@pytest.mark.parametrize("lazy", [False, True])
def test_the_threshold_parts_the_histogram(rng, lazy):
    values = np.concatenate([rng.normal(0.0, 0.05, 7_000), rng.normal(0.5, 0.08, 3_000)])
    ndai = xr.DataArray(values.reshape(100, 100), dims=("y", "x"), attrs={"long_name": "mean NDAI"})
    ndai = ndai.where(ndai < 0.8)
    threshold = xr.DataArray(0.2346, attrs={"method_used": "kde_valley"})
    figure = plots.threshold_figure(threshold, ndai.chunk({"y": 7}) if lazy else ndai)
    written = texts(figure)
    assert {"above: changed (30%)", "threshold 0.235\nkde valley", "Mean NDAI"} <= set(written)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == pytest.approx(1)
    assert plots.threshold_figure(0.2, ndai * np.nan).axes


def test_importances_are_sorted_and_say_their_sensor():
    importances = {"s2_ndvi": 30.0, "palsar_hh": 1.0, "s1_vv": 50.0, "other": 19.0}
    figure = plots.importance_figure(pd.Series(importances), line=2.5, title="Forest", most=3)
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [19.0, 30.0, 50.0]
    written = texts(figure)
    assert {"s1_vv", "s2_ndvi", "other", "Sentinel-1", "Sentinel-2", "importance (%)"} <= set(
        written
    )
    assert "palsar_hh" not in written


def test_precision_and_recall_are_those_of_scikit_learn(rng):
    from sklearn.metrics import average_precision_score

    truth = rng.uniform(size=500) < 0.3
    probability = np.round(np.clip(rng.normal(0.35 + 0.3 * truth, 0.2), 0, 1), 2)  # many ties
    figure = plots.precision_recall_figure(truth, probability, title="Held out")
    expected = average_precision_score(truth, probability)
    assert f"average precision {expected:.3f}" in texts(figure)
    at = figure.axes[0].lines[0]
    assert at.get_xdata()[-1] == 1
    chosen = probability >= 0.5
    dots = {(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines[2:]}
    assert any(
        np.allclose(dot, (truth[chosen].sum() / truth.sum(), truth[chosen].mean())) for dot in dots
    )
    gaps = np.append(probability, np.nan)
    again = plots.precision_recall_figure(np.append(truth, True), gaps)
    assert f"average precision {expected:.3f}" in texts(again)
    with pytest.raises(ValueError, match="needs a positive element"):
        plots.precision_recall_figure([0, 0], [0.1, 0.2])


def test_a_chosen_threshold_is_marked_with_weights(rng):
    truth = rng.uniform(size=300) < 0.4
    probability = np.round(np.clip(0.3 * truth + rng.uniform(0, 0.7, 300), 0, 1), 2)
    weight = rng.uniform(0.5, 3, 300)
    figure = plots.precision_recall_figure(truth, probability, weight=weight, threshold=0.4)
    assert "p ≥ 0.4" in texts(figure)
    chosen = probability >= 0.4
    expected = (
        weight[chosen & truth].sum() / weight[truth].sum(),
        weight[chosen & truth].sum() / weight[chosen].sum(),
    )
    (dot,) = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    npt.assert_allclose((dot.get_xdata()[0], dot.get_ydata()[0]), expected)


def test_losses_are_sorted_with_their_spread():
    table = pd.DataFrame(
        {"loss": [0.3, -0.01, 0.1], "loss_std": [0.1, 0.02, np.nan]},
        index=["s2_bsi", "s1_vv", "palsar_hh"],
    )
    table.attrs["score"] = "mcc"
    figure = plots.permutation_figure(table, most=2)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["palsar_hh", "s2_bsi"]
    assert "loss of MCC when shuffled" in texts(figure)


def test_reliability_is_drawn_over_the_diagonal():
    table = pd.DataFrame(
        {
            "low": [0.0, 0.5], "high": [0.5, 1.0], "predicted": [0.2, 0.8],
            "observed": [0.1, 0.9], "weight": [0.75, 0.25],
        }
    )  # fmt: skip
    table.attrs["calibration_error"] = 0.1
    figure = plots.reliability_figure({"votes": table, "calibrated": table * 1.0})
    top, below = figure.axes
    npt.assert_allclose(top.lines[1].get_xydata(), [[0.2, 0.1], [0.8, 0.9]])
    assert "votes, error 0.100" in texts(figure)
    assert [bar.get_height() for bar in below.patches] == [0.75, 0.25] * 2
    # Bars of a bin stand side by side within it.
    assert all(0 <= bar.get_x() <= 1 for bar in below.patches)
    with pytest.raises(ValueError, match="got no table"):
        plots.reliability_figure({})


def test_sets_are_drawn_with_their_differences():
    table = pd.DataFrame(
        {
            "f_beta": [0.6, 0.9], "lower": [0.5, 0.85], "upper": [0.7, 0.95],
            "against": ["all", "S2 only"], "difference": [-0.3, 0.3],
            "difference_lower": [-0.4, -0.1], "difference_upper": [-0.2, 0.4],
            "resolved": [True, False],
        },
        index=["S2 only", "all"],
    )  # fmt: skip
    table.attrs = {"score": "f_beta", "beta": 0.5, "confidence": 0.9, "all": "all"}
    figure = plots.ablation_figure(table)
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["all", "S2 only"]
    assert {"F0.5, 90 % interval", "against S2 only"} <= set(texts(figure))
    dots = [line for line in right.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [True, False]
    with pytest.raises(ValueError, match="needs the table"):
        plots.ablation_figure(pd.DataFrame({"f_beta": [1.0]}))


# --- the sheet


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figures_are_saved_whole(tmp_path, suffix):
    path = plots.save(plots.map_figure(square_layer(np.zeros((4, 4)))), tmp_path / f"a.{suffix}")
    assert path.stat().st_size > 1000
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{suffix}"]
    with pytest.raises(ValueError, match=r"use e\.g\. .*figure\.png"):
        plots.save(plots.map_figure(square_layer(np.zeros((4, 4)))), tmp_path / "figure")
    with pytest.raises(ValueError, match="unknown"):
        plots.save(plots.map_figure(square_layer(np.zeros((4, 4)))), tmp_path / "b.unknown")
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{suffix}"]


def test_no_text_leaves_the_page(rng, tmp_path):
    """Labels fit: nothing but white along the border of each figure."""
    tai = xr.Dataset(
        {
            "tai": square_layer(rng.uniform(size=(20, 60))),
            "activity": activity_layer(rng.integers(0, 3, (20, 60))),
        }
    )
    for figure in (
        plots.activity_figure(tai, title="A rather long title for such a map of a mine"),
        plots.map_figure(tai["tai"]),
        plots.map_figure(tai["activity"].transpose("y", "x")),
        plots.ledger_figure(ledger()),
        plots.threshold_figure(0.19, tai["tai"]),
        plots.importance_figure({"s2_a_rather_long_name_of_a_covariate": 3.0, "s1_vv": 1.0}),
        plots.precision_recall_figure([0, 1, 1], [0.2, 0.9, 0.6]),
    ):
        picture = rendered(figure, tmp_path)[..., :3]
        border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (border == 1).all()


def test_nothing_global_is_touched():
    code = (
        "import sys, numpy as np, xarray as xr, minewatch as mw\n"
        "figure = mw.plots.map_figure(xr.DataArray(np.eye(4), dims=('y', 'x')))\n"
        "mw.plots.save(figure, sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", code, str(Path(folder) / "a.png")], check=True)
