"""Figures of an activity run: each product is drawn as it is, whatever there is of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import shapely
import xarray as xr
from drawn import UTM, image_of, off_the_sheet, square_layer, texts

from minewatch import activity, masks, plots
from minewatch.conventions.colours import MISSING_COLOUR
from minewatch.plots import canvas
from minewatch.plots.overlays import edges
from minewatch.plots.periods import columns

YEARS = (2020, 2021, 2022)


def legend_texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def square_zone():
    return gpd.GeoDataFrame(geometry=[shapely.box(500_040, 9_280_040, 500_200, 9_280_200)], crs=UTM)


def tinted(axes, colour):
    """Which pixels of the overlays of a map have a colour, in any strength."""
    from matplotlib.colors import to_rgb

    found = False
    for image in axes.images:
        values = np.asarray(image.get_array())
        if values.ndim == 3 and values.shape[-1] == 4:
            near = np.isclose(values[..., :3], to_rgb(colour), atol=0.01).all(-1)
            found = found | (near & (values[..., 3] > 0))
    return found


# --- stable ground


def test_stable_pixels_lie_over_their_coherence(rng):
    coherence = square_layer(rng.uniform(0.2, 1, (20, 30)).astype("float32"), "coherence")
    coherence[3, 4] = np.nan
    stable = (coherence > 0.8).rename("stable").assign_attrs(long_name="stable pixels")
    before = coherence.copy(deep=True)
    figure = plots.stable_figure(stable, coherence, outlines=square_zone(), title="Site")
    backdrop = image_of(figure)
    npt.assert_array_equal(backdrop.get_array().filled(np.nan), coherence)
    assert backdrop.get_clim() == (0, 1)
    npt.assert_array_equal(tinted(figure.axes[0], plots.paper.MAIN), stable)
    assert image_of(figure).get_extent() == figure.axes[0].images[1].get_extent()
    hectares = float(stable.sum()) * 0.04
    (text,) = legend_texts(figure.axes[0])
    assert float(text.split("(")[1].split()[0]) == pytest.approx(hectares, rel=0.01)
    assert {"Site", "Mean coherence", "easting (km)"} <= set(texts(figure))
    assert not off_the_sheet(figure)
    assert coherence.identical(before)


def test_stable_pixels_alone_are_classes(rng):
    stable = square_layer(rng.uniform(size=(10, 10)) > 0.5, "stable")
    figure = plots.stable_figure(stable)
    npt.assert_array_equal(image_of(figure).get_array(), stable)
    assert any(text.startswith("stable\n") for text in texts(figure))


def test_stable_pixels_on_another_grid_are_refused():
    stable = square_layer(np.ones((10, 10), bool), "stable")
    with pytest.raises(ValueError, match="stable_figure"):
        plots.stable_figure(stable, square_layer(np.ones((10, 12)), "coherence"))
    with pytest.raises(TypeError, match="bool"):
        plots.stable_figure(stable.astype("float32"))


def test_lazy_layers_are_drawn_as_those_in_memory(rng):
    values = square_layer(rng.uniform(size=(20, 30)).astype("float32"))
    for draw in (
        lambda layer: plots.stable_figure(layer > 0.8, layer),
        lambda layer: plots.contours_figure(layer, backdrop=layer),
        lambda layer: plots.mean_ndai_figure(layer, 0.2),
    ):
        one, other = draw(values), draw(values.chunk(y=7, x=11))
        assert texts(one) == texts(other)
        for first, second in zip(one.axes[0].images, other.axes[0].images, strict=True):
            npt.assert_array_equal(first.get_array(), second.get_array())


# --- mean NDAI


def test_mean_ndai_turns_at_the_threshold(rng):
    layer = square_layer(rng.uniform(-0.1, 0.9, (30, 30)).astype("float32"), "mean_ndai")
    threshold = xr.DataArray(0.24)
    figure = plots.mean_ndai_figure(layer, threshold)
    image = image_of(figure)
    assert image.norm.vcenter == pytest.approx(0.24)
    assert image.norm(0.24) == pytest.approx(0.5)
    npt.assert_allclose(image.get_clim(), np.percentile(layer, [1, 99]))
    npt.assert_array_equal(image.get_array(), layer)
    assert "threshold 0.24 " in texts(figure)
    assert not off_the_sheet(figure)


@pytest.mark.parametrize("value", [np.nan, 0.0, 0.9])
def test_mean_ndai_of_one_value_or_none_is_drawn(value):
    layer = square_layer(np.full((4, 5), value, "float32"), "mean_ndai")
    norm = image_of(plots.mean_ndai_figure(layer, 0.2)).norm
    assert norm.vmin < 0.2 < norm.vmax


# --- contours


def test_contours_are_those_of_the_paper_and_unknown_is_neither():
    values = np.zeros((10, 10), "float32")
    values[:, 5:] = 0.3
    values[:, 7:] = 0.5
    values[0] = np.nan
    figure = plots.contours_figure(square_layer(values), backdrop=square_layer(values, "mean_ndai"))
    axes = figure.axes[0]
    npt.assert_array_equal(tinted(axes, plots.paper.ACCENT), values >= 0.5)
    npt.assert_array_equal(tinted(axes, plots.paper.MAIN), values == 0)
    # 9 rows of 3 and of 5 columns of 400 m²
    assert legend_texts(axes) == ["activity, TAI ≥ 0.5 (1.08 ha)", "stability, TAI = 0 (1.80 ha)"]
    assert "Temporal activity index" in texts(figure)
    assert not off_the_sheet(figure)


def test_contours_need_no_backdrop_and_take_a_dataset():
    index = square_layer(np.zeros((6, 6), "float32"))
    figure = plots.contours_figure(xr.Dataset({"tai": index}), outlines=square_zone())
    assert len(figure.axes) == 1
    with pytest.raises(ValueError, match="one period"):
        plots.contours_figure(index.expand_dims("season"))
    with pytest.raises(ValueError, match="contours_figure"):
        plots.contours_figure(index, backdrop=square_layer(np.zeros((6, 7))))


def test_edges_run_round_the_pixels():
    inside = np.zeros((4, 5), bool)
    inside[1:3, 1:4] = True
    inside[1, 2] = False
    pieces = edges(inside, (10, 15, 0, 4))  # a pixel is 1 by 1, the first row on top
    length = sum(np.abs(end - start).sum() for start, end in pieces)
    assert length == 12  # a U of five pixels
    corners = np.concatenate(pieces)
    npt.assert_array_equal(corners.min(axis=0), (11, 1))
    npt.assert_array_equal(corners.max(axis=0), (14, 3))
    assert not edges(np.zeros((2, 2), bool), (0, 2, 0, 2))
    # All of it: one piece a side.
    assert len(edges(np.ones((3, 3), bool), (0, 3, 0, 3))) == 4


def test_large_contours_are_thinned_as_the_map(rng, monkeypatch):
    monkeypatch.setattr(canvas, "MOST", 20)
    values = rng.choice([0, 0.3, 0.9], (40, 60)).astype("float32")
    figure = plots.contours_figure(square_layer(values), backdrop=square_layer(values, "mean_ndai"))
    npt.assert_array_equal(tinted(figure.axes[0], plots.paper.MAIN), values[::3, ::3] == 0)
    first, *others = figure.axes[0].images
    assert all(image.get_extent() == first.get_extent() for image in others)
    # Areas are those of all pixels.
    assert f"({(values == 0).sum() * 0.04:.1f} ha)" in legend_texts(figure.axes[0])[1]


# --- exclusions


def test_exclusions_say_hectares_by_reason():
    codes = np.zeros((10, 10), bool)
    codes[:, :3] = True
    green = square_layer(codes, "green")
    figure = plots.exclusions_figure(masks.exclusion(vegetation=green), title="Left out")
    assert legend_texts(figure.axes[0])[:2] == ["kept: 2.80 ha", "vegetation: 1.20 ha"]
    assert legend_texts(figure.axes[0])[-1] == "outside: 0 ha"
    assert not off_the_sheet(figure)


# --- periods


@pytest.mark.parametrize("count", [1, 2, 6])
def test_each_year_has_its_map_on_one_scale(rng, count):
    years = list(range(2017, 2017 + count))
    values = rng.uniform(0, 0.8, (count, 12, 15)).astype("float32")
    layers = square_layer(values[0]).expand_dims(year=years).copy(data=values)
    pooled = xr.Dataset({"tai": layers.mean("year")}, attrs={"pairs": 40})
    dataset = xr.Dataset({"tai": layers}, attrs={"pairs": [7] * count})
    figure = plots.seasons_figure(dataset, pooled, outlines=square_zone())
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == count + 1
    assert len(figure.axes) == count + 2  # and one colour bar
    assert {axes.images[0].get_clim() for axes in maps} == {(0, 1)}
    assert maps[0].get_title("left") == "2017 (7 pairs)"
    assert maps[-1].get_title("left") == "All dates (40 pairs)"
    for year, axes in enumerate(maps[:-1]):
        npt.assert_array_equal(axes.images[0].get_array(), values[year])
    assert not off_the_sheet(figure)


def test_seasons_are_named():
    starts = np.array(["2021-12-01", "2022-06-01"], "datetime64[ns]")
    layers = square_layer(np.zeros((4, 4), "float32")).expand_dims(season=starts)
    titles = [axes.get_title("left") for axes in plots.seasons_figure(layers).axes[:2]]
    assert titles == ["Dec–Feb 2021/22", "Jun–Aug 2022"]
    with pytest.raises(ValueError, match="by='year'"):
        plots.seasons_figure(layers.isel(season=0))


def test_panels_leave_no_lonely_one():
    assert [columns(count) for count in (1, 2, 3, 4, 5, 6, 7, 9, 13, 20)] == [
        1, 2, 3, 2, 3, 3, 2, 3, 3, 4
    ]  # fmt: skip
    assert columns(6, 0.3) == 2


# --- zones


def zone_series(zones, seasons=2, names=("max", "q95", "median")):
    starts = pd.to_datetime([f"{2020 + season}-05-15" for season in range(seasons)])
    dates = np.concatenate([start + pd.to_timedelta(np.arange(4) * 12, "D") for start in starts])
    values = np.linspace(0, 1, len(dates) * zones).reshape(len(dates), zones)
    return xr.Dataset(
        {
            name: (("pair", "zone"), (values - 0.1 * place).astype("float32"))
            for place, name in enumerate(names)
        },
        coords={
            "secondary_time": ("pair", dates),
            "zone": [f"Zone {place}" for place in range(zones)],
        },
    )


@pytest.mark.parametrize("zones", [1, 5, 20])
def test_each_zone_has_its_series(zones):
    series = zone_series(zones)
    figure = plots.zone_series_figure(series, threshold=0.3)
    assert [axes.get_title("left") for axes in figure.axes] == series.zone.values.tolist()
    written = texts(figure)
    assert {"greatest", "95 % quantile", "median", "threshold", "NDAI"} <= set(written)
    assert not off_the_sheet(figure)
    lines = {line.get_label(): line for line in figure.axes[-1].lines}
    drawn = lines["greatest"].get_ydata()
    npt.assert_array_equal(drawn[np.isfinite(drawn)], series["max"].isel(zone=-1))
    assert figure.axes[0].get_ylim() == figure.axes[-1].get_ylim()


def test_no_line_crosses_the_gap_between_seasons():
    series = zone_series(1, seasons=3).isel(pair=[5, 1, 0, 2, 3, 4, 6, 7, 8, 9, 10, 11])
    figure = plots.zone_series_figure(series[["max"]])
    (line,) = figure.axes[0].lines
    gaps = np.flatnonzero(np.isnan(line.get_ydata()))
    npt.assert_array_equal(gaps, [4, 9])
    dates = line.get_xdata()
    assert (np.diff(dates) > np.timedelta64(0, "D")).all()  # in order, whatever order came


def test_a_zone_that_was_not_seen_says_so():
    series = zone_series(2)
    series["max"][:, 1] = np.nan
    series["q95"][:, 1] = np.nan
    series["median"][:, 1] = np.nan
    assert texts(plots.zone_series_figure(series)).count("not seen") == 1
    boxes = activity.box_statistics(series["max"])
    figure = plots.box_figure(boxes)
    assert texts(figure).count("not seen") == 1
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        "Zone 0 (8)",
        "Zone 1 (0)",
    ]


def test_series_of_other_dims_are_refused():
    with pytest.raises(ValueError, match=r"activity\.zone_series"):
        plots.zone_series_figure(xr.Dataset({"max": ("pair", [0.1])}))


@pytest.mark.parametrize("zones", [1, 20])
def test_boxes_are_the_statistics(zones):
    series = zone_series(zones, seasons=4)["max"]
    series[0, 0] = -3.0  # beyond the whiskers
    boxes = activity.box_statistics(series)
    figure = plots.box_figure(boxes, threshold=0.25, title="Boxes")
    axes = figure.axes[0]
    medians = [line for line in axes.lines if line.get_linewidth() == 2]
    npt.assert_allclose([line.get_xdata()[0] for line in medians], boxes["median"])
    assert len(axes.patches) == zones
    extents = [patch.get_path().get_extents() for patch in axes.patches]
    npt.assert_allclose([box.x0 for box in extents], boxes["q1"])
    npt.assert_allclose([box.x1 for box in extents], boxes["q3"])
    fliers = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    npt.assert_allclose(np.concatenate(fliers), [-3.0])
    low, high = axes.get_ylim()
    assert low > high  # the first zone on top
    assert "threshold" in texts(figure)
    assert not off_the_sheet(figure)


# --- regression


def ledger_of(rng, pairs=43, dropped=4):
    baseline = rng.normal(0, 90, pairs)
    mean = 0.92 - 0.0003 * np.abs(baseline) + rng.normal(0, 0.01, pairs)
    keep = np.arange(pairs) >= dropped
    mean[~keep] -= 0.2
    return xr.Dataset(
        {"stable_mean": ("pair", mean, {"long_name": "coherence"}), "keep": ("pair", keep)},
        coords={"perpendicular_baseline": ("pair", baseline)},
    )


def test_the_line_and_its_band_are_those_of_least_squares(rng):
    ledger = ledger_of(rng)
    kept = ledger.isel(pair=ledger.keep.values)
    line = activity.baseline_regression(kept)
    figure = plots.regression_figure(ledger, line)
    axes = figure.axes[0]
    points = {drawn.get_label(): drawn for drawn in axes.lines}
    npt.assert_allclose(points["kept (39)"].get_xdata(), np.abs(kept.perpendicular_baseline))
    npt.assert_allclose(points["kept (39)"].get_ydata(), kept.stable_mean)
    assert len(points["dropped (4)"].get_xdata()) == 4
    straight = axes.lines[-1]
    npt.assert_allclose(
        straight.get_ydata(), float(line.intercept) + float(line.slope) * straight.get_xdata()
    )
    # The band against the covariance of numpy's own fit.
    x, y = np.abs(kept.perpendicular_baseline.values), kept.stable_mean.values
    _, covariance = np.polyfit(x, y, 1, cov=True)
    at = straight.get_xdata()
    design = np.stack([at, np.ones_like(at)])
    error = np.sqrt(np.einsum("in,ij,jn->n", design, covariance, design))
    band = axes.collections[0].get_paths()[0].vertices
    t = 2.026192  # Student's t, 97.5 %, 37 degrees of freedom (tables)
    expected = straight.get_ydata() + t * error
    upper = {round(px, 6): py for px, py in band if py > np.interp(px, at, straight.get_ydata())}
    got = [upper[round(px, 6)] for px in at[1:-1]]
    npt.assert_allclose(got, expected[1:-1], rtol=1e-6)
    assert any(
        text.startswith(f"r = {float(line.r):.2f}".replace("-", "−")) for text in texts(figure)
    )
    assert any("39 kept pairs" in text for text in texts(figure))
    assert not off_the_sheet(figure)


def test_a_regression_of_all_pairs_or_of_another_variable(rng):
    ledger = ledger_of(rng).assign(mean_ndai=("pair", rng.normal(0, 0.01, 43)))
    figure = plots.regression_figure(ledger, activity.baseline_regression(ledger))
    assert any("43 pairs" in text for text in texts(figure))
    line = activity.baseline_regression(ledger, variable="mean_ndai")
    figure = plots.regression_figure(ledger, line, of="mean_ndai")
    assert figure.axes[0].get_ylabel() == "Mean ndai"


def test_a_regression_that_is_not_defined_leaves_the_points(rng):
    ledger = ledger_of(rng, pairs=2, dropped=0)
    figure = plots.regression_figure(ledger, activity.baseline_regression(ledger))
    assert any(text.startswith("no line: 2 pairs") for text in texts(figure))
    unknown = ledger.assign_coords(perpendicular_baseline=("pair", [np.nan, np.nan]))
    plots.regression_figure(unknown, activity.baseline_regression(unknown))


def test_a_regression_of_another_ledger_is_refused(rng):
    line = activity.baseline_regression(ledger_of(rng, pairs=30))
    with pytest.raises(ValueError, match="make it of this ledger"):
        plots.regression_figure(ledger_of(rng), line)
    with pytest.raises(KeyError, match="assign_coords"):
        plots.regression_figure(ledger_of(rng).drop_vars("perpendicular_baseline"), line)


# --- elevation


def compared(rng, height=20, width=25):
    change = rng.normal(0, 0.2, (height, width))
    change[:, 15:] -= 4
    change[0, 0] = np.nan
    return xr.Dataset(
        {
            "difference": square_layer(change.astype("float32"), "difference", units="m"),
            "confusion": (("called", "movement"), [[280, 20], [10, 10], [30, 150]]),
        },
        attrs={
            "spearman": 0.71, "auc": 0.93, "level_of_detection": 0.55, "bias": -0.3, "nmad": 0.28,
            "mean": float(np.nanmean(change)), "std": float(np.nanstd(change)),
        },
    )  # fmt: skip


def test_elevation_change_is_cut_at_one_deviation_beside_the_index(rng):
    comparison = compared(rng)
    index = comparison.difference.copy(data=np.zeros((20, 25), "float32")).rename("tai")
    index[:, 15:] = 0.9
    figure = plots.elevation_figure(
        comparison, tai=xr.Dataset({"tai": index}), outlines=square_zone()
    )
    change, often, boxes = figure.axes[:3]
    mean, std = comparison.attrs["mean"], comparison.attrs["std"]
    npt.assert_allclose(change.images[0].get_clim(), (mean - std, mean + std))
    assert change.images[0].norm(0.0) == pytest.approx(0.5)  # white is no change
    npt.assert_array_equal(
        change.images[0].get_array().filled(np.nan), comparison.difference.values
    )
    npt.assert_array_equal(often.images[0].get_array(), index)
    written = "\n".join(texts(figure))
    for said in ("Spearman 0.71, AUC 0.93", "0.55 m", "bias removed −0.30 m", "0.28 m"):
        assert said in written
    labels = [tick.get_text() for tick in boxes.get_xticklabels()]
    assert labels[0] == "0\n299"
    assert labels[-1] == "to 1\n200"
    medians = [line.get_ydata()[0] for line in boxes.lines if line.get_linewidth() == 2]
    far = np.abs(comparison.difference.values)
    npt.assert_allclose(medians, [np.nanmedian(far[:, :15]), np.median(far[:, 15:])], rtol=1e-6)
    assert not off_the_sheet(figure)


def test_without_the_index_the_shares_are_drawn(rng):
    figure = plots.elevation_figure(compared(rng), title="Elevation")
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    npt.assert_allclose(heights, [20 / 300, 0.5, 150 / 180])
    assert not off_the_sheet(figure)


def test_elevation_that_is_nowhere_known_is_drawn(rng):
    comparison = compared(rng) * np.nan
    comparison.attrs = {"spearman": np.nan, "auc": np.nan, "level_of_detection": np.nan}
    index = comparison.difference.rename("tai")
    assert "Spearman undefined, AUC undefined" in texts(
        plots.elevation_figure(comparison, tai=index)
    )


def test_an_index_of_another_grid_is_refused(rng):
    with pytest.raises(ValueError, match="elevation_figure"):
        plots.elevation_figure(compared(rng), tai=square_layer(np.zeros((20, 26))))


# --- three years


def annual(rng):
    values = rng.uniform(0, 0.5, (3, 16, 20)).astype("float32")
    values[1, 0] = np.nan
    return square_layer(values[0], "ndai").expand_dims(year=list(YEARS)).copy(data=values)


def test_a_composite_is_shown_as_it_is_with_its_key(rng):
    rgb = activity.activity_rgb(annual(rng), years=YEARS, threshold=0.2)
    figure = plots.rgb_figure(rgb, YEARS, outlines=square_zone())
    picture = np.asarray(image_of(figure).get_array())
    npt.assert_allclose(picture[1:], np.moveaxis(rgb.values, 0, -1)[1:])
    npt.assert_allclose(picture[0], int(MISSING_COLOUR[1:3], 16) / 255)
    assert legend_texts(figure.axes[0]) == [
        "no year", "2020", "2021", "2022", "2020 + 2021", "2020 + 2022", "2021 + 2022",
        "every year", "no data",
    ]  # fmt: skip
    hues = [patch.get_facecolor()[:3] for patch in figure.axes[0].get_legend().get_patches()]
    assert hues[:8] == [
        (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)
    ]  # fmt: skip
    assert not off_the_sheet(figure)


def test_a_large_composite_is_averaged(rng, monkeypatch):
    monkeypatch.setattr(canvas, "MOST", 10)
    rgb = activity.activity_rgb(annual(rng).fillna(0.1), years=YEARS, threshold=0.2)
    picture = np.asarray(image_of(plots.rgb_figure(rgb, YEARS)).get_array())
    expected = rgb.values.reshape(3, 8, 2, 10, 2).mean(axis=(2, 4))
    npt.assert_allclose(picture, np.moveaxis(expected, 0, -1), rtol=1e-5)


def test_a_composite_without_years_is_refused(rng):
    rgb = activity.activity_rgb(annual(rng), years=YEARS, threshold=0.2)
    with pytest.raises(ValueError, match="activity_rgb"):
        plots.rgb_figure(rgb, YEARS[:2])
    with pytest.raises(ValueError, match="activity_rgb"):
        plots.rgb_figure(rgb.isel(channel=[0, 1]), YEARS)


def test_the_eight_colours_are_drawn_as_they_are_called(rng):
    colours = activity.activity_colours(annual(rng), years=YEARS, threshold=0.2)
    figure = plots.colours_figure(colours)
    image = image_of(figure)
    shown = image.to_rgba(np.asarray(image.get_array()))[..., :3]
    codes = colours.values
    known = codes != 255
    bits = np.stack([codes & 1, (codes & 2) // 2, (codes & 4) // 4], axis=-1)
    npt.assert_array_equal(shown[known], bits[known])
    npt.assert_allclose(shown[~known], int(MISSING_COLOUR[1:3], 16) / 255)
    written = legend_texts(figure.axes[0])
    expected = (codes == 4).sum() * 0.04
    assert written[3].startswith("2022: ")
    assert float(written[3].split()[1]) == pytest.approx(expected, rel=0.01)
    assert written[-1] == "no data: 0.800 ha"  # 20 pixels of 400 m²
    assert not off_the_sheet(figure)
    with pytest.raises(ValueError, match="activity_colours"):
        plots.colours_figure(colours.drop_attrs())


def test_many_classes_are_listed_beside_a_flat_map():
    codes = square_layer(np.zeros((6, 40), "uint8"), "activity_colours", years=list(YEARS))
    figure = plots.colours_figure(codes)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].get_legend().get_texts()]
    for upper, lower in pairwise(boxes):
        assert upper.y0 >= lower.y1 - 1


# --- tables


def tonnes(mines=("Pit",), years=(2020, 2021, 2022)):
    rows = [(mine, year) for mine in mines for year in years]
    table = pd.DataFrame(rows, columns=["mine", "year"])
    count = len(table)
    return table.assign(
        area_m2=np.linspace(2e5, 4e5, count),
        production_t=np.linspace(1e6, 2e6, count),
        production_std_t=[np.nan] * (count - 1) + [2e5],
        source=["reported"] * (count - 1) + ["own ratio of 2 reported years"],
    )


def bars(axes):
    return sorted(
        (round(patch.get_y() + patch.get_height() / 2, 6), patch) for patch in axes.patches
    )


def test_areas_alone_are_bars_in_hectares():
    figure = plots.yearly_areas_figure(tonnes()[["year", "area_m2"]])
    (axes,) = figure.axes
    npt.assert_allclose([patch.get_width() for _, patch in bars(axes)], [20, 30, 40])
    assert axes.get_xlabel() == "active area (ha)"
    assert axes.get_xlim()[0] == 0
    assert not off_the_sheet(figure)


def test_estimates_are_hatched_and_carry_their_error():
    table = tonnes().assign(emissions_tco2e=[1e4, 2e4, 3e4], emissions_std=[1e3, 1e3, 4e4])
    figure = plots.yearly_areas_figure(table, title="Pit")
    areas, ore, emissions = figure.axes
    assert [bool(patch.get_hatch()) for _, patch in bars(areas)] == [False] * 3
    for axes in (ore, emissions):
        assert [bool(patch.get_hatch()) for _, patch in bars(axes)] == [False, False, True]
    npt.assert_allclose([patch.get_width() for _, patch in bars(ore)], [1, 1.5, 2])
    assert ore.get_xlabel() == "ore (Mt)"
    assert emissions.get_xlabel() == "emissions (kt CO₂e)"
    (whisker,) = ore.collections[0].get_segments()
    npt.assert_allclose(whisker, [[1.8, 2], [2.2, 2]])
    assert emissions.collections[0].get_segments()[2][0][0] == 0  # no emissions below 0
    assert legend_texts(ore) == ["reported", "estimated, ± 1 sd"]
    assert not off_the_sheet(figure)


def test_what_is_missing_says_why_and_is_no_bar():
    table = tonnes().assign(emissions_tco2e=np.nan)
    table.loc[1, ["production_t", "source"]] = np.nan, "refused: 3e+05 m2 is far from 2 to 3 m2"
    figure = plots.yearly_areas_figure(table)
    _, ore, emissions = figure.axes
    assert len(ore.patches) == 2
    assert not emissions.patches
    written = texts(figure)
    assert written.count("refused") == 1
    assert written.count("no factor") == 2
    assert written.count("no production") == 1


def test_mines_stand_below_each_other():
    table = tonnes(mines=[f"Mine {place}" for place in range(20)], years=range(2017, 2023))
    figure = plots.yearly_areas_figure(table.sample(frac=1, random_state=3))
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert len(labels) == 20 * 7
    start = labels.index("Mine 7")
    assert labels[start : start + 7] == ["Mine 7", *map(str, range(2017, 2023))]
    widths = {place: patch.get_width() for place, patch in bars(figure.axes[0])}
    expected = table[table["mine"] == "Mine 7"]["area_m2"] / 1e4
    npt.assert_allclose([widths[start + 1 + place] for place in range(6)], expected)


def test_a_table_without_years_is_refused():
    with pytest.raises(ValueError, match=r"estimates\.production"):
        plots.yearly_areas_figure(tonnes()[["mine", "area_m2"]])
    with pytest.raises(ValueError, match="0 rows"):
        plots.yearly_areas_figure(tonnes().iloc[:0])


def choices():
    nan = np.nan
    table = pd.DataFrame(
        {
            "choice": ["default", "otsu", "stable 0.9/0.1", "TAI of 2022", "hsv colours of 2022"],
            "varies": ["", "threshold", "stable ground", "", "colour rule"],
            "threshold": [0.19, 0.31, nan, 0.19, 0.19],
            "active_ha": [100.0, 80.0, nan, 40.0, 50.0],
            "active_ha_lower": [90.0, 75.0, nan, 20.0, nan],
            "active_ha_upper": [120.0, 95.0, nan, 60.0, nan],
            "change_ha": [0.0, -20.0, nan, 0.0, 10.0],
            "reason": ["", "", "too few stable pixels", "", ""],
        }
    )
    table.attrs = {"range_ha": [80.0, 100.0], "matters_most": "threshold"}
    return table


def test_choices_are_dots_beside_their_default():
    figure = plots.choices_figure(choices())
    (axes,) = figure.axes
    dots = {round(line.get_ydata()[0]): line for line in axes.lines}
    assert {place: line.get_xdata()[0] for place, line in dots.items()} == {
        0: 100, 1: 80, 3: 40, 4: 50
    }  # fmt: skip
    assert [dots[place].get_marker() for place in (0, 1, 3, 4)] == ["D", "o", "D", "o"]
    written = texts(figure)
    assert "too few stable pixels" in written
    assert "otsu  (th 0.310)" in written
    assert any("80.0 to 100.0 ha; what matters most: threshold" in text for text in written)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named.count("default") == 1
    figure.draw_without_rendering()  # no entry runs off the sheet, which squeezed the axes once
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.x1
    assert axes.get_position().width > 0.5
    intervals = [
        segment
        for group in axes.collections
        for segment in group.get_segments()
        if group.get_lw() == 5
    ]
    npt.assert_allclose(intervals[0], [[90, 0], [120, 0]])
    assert len(intervals) == 3
    assert not off_the_sheet(figure)


def test_one_choice_or_a_table_of_something_else():
    figure = plots.choices_figure(choices().iloc[[0]])
    assert len(figure.axes[0].lines) == 1
    with pytest.raises(ValueError, match=r"activity\.threshold_choices"):
        plots.choices_figure(choices().drop(columns="varies"))


# --- the threshold


def test_the_density_is_drawn_where_it_is_known(rng):
    values = np.concatenate([rng.normal(0, 0.03, 4000), rng.normal(0.6, 0.08, 3000)])
    mean = xr.DataArray(values.astype("float32")[None], dims=("y", "x"), name="mean_ndai")
    threshold = activity.ndai_threshold(mean)
    assert threshold.attrs["method_used"] == "kde_valley"
    figure = plots.threshold_figure(threshold, mean)
    assert "kernel density" in texts(figure)
    (curve,) = [line for line in figure.axes[0].lines if line.get_label() == "kernel density"]
    x, y = curve.get_data()
    shares = sum(patch.get_height() for patch in figure.axes[0].patches)
    # Both hold all pixels: bars add up to 1, the curve integrates to one bin of it.
    assert shares == pytest.approx(1)
    assert np.trapezoid(y, x) == pytest.approx(0.01, rel=0.01)
    fixed = plots.threshold_figure(0.2, mean)
    assert "kernel density" not in texts(fixed)


# --- all of them


def test_nothing_global_is_touched():
    """pyplot keeps figures alive and picks a backend; nobody here may import it."""
    folder = Path(plots.__file__).parent
    assert not [path for path in folder.glob("*.py") if "pyplot" in path.read_text()]
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.choices_figure(choices())
    plots.box_figure(activity.box_statistics(zone_series(2)["max"]))
    assert dict(matplotlib.rcParams) == before
