"""Figures of a detector: what is drawn is what was given."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from drawn import UTM, square_layer, texts
from matplotlib.collections import PolyCollection
from shapely.geometry import box

from minewatch import plots


def polygons_of(axes):
    return [one for one in axes.collections if isinstance(one, PolyCollection)]


@pytest.fixture
def history():
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "loss": [0.3, 0.2, 0.1],
            "val_loss": [0.4, 0.3, 0.35],
            "val_f1": [0.5, 0.9, 0.8],
        }
    )


def test_training_shows_loss_and_f1_with_its_best_epoch(history):
    figure = plots.training_figure(history)
    loss, score = figure.axes
    npt.assert_allclose(loss.lines[0].get_ydata(), history.loss)
    npt.assert_allclose(loss.lines[1].get_ydata(), history.val_loss)
    npt.assert_allclose(score.lines[0].get_ydata(), history.val_f1)
    assert "0.900 in epoch 2" in texts(figure)
    assert loss.get_ylim()[0] == 0


def test_training_without_held_back_patches_is_one_panel(history):
    history[["val_loss", "val_f1"]] = np.nan
    figure = plots.training_figure(history)
    assert len(figure.axes) == 1
    assert len(figure.axes[0].lines) == 1
    with pytest.raises(ValueError, match="columns epoch and loss, got 0 rows"):
        plots.training_figure(history.iloc[:0])


def test_cells_lie_where_they_are_and_the_likeliest_on_top():
    scene = square_layer(np.linspace(-20, -5, 100).reshape(10, 10), "vv", units="dB")
    west, north = float(scene.x[0]) - 5, float(scene.y[0]) + 5
    shapes = [box(west, north - 20, west + 20, north), box(west + 40, north - 60, west + 60, north)]
    cells = gpd.GeoDataFrame({"probability": [0.95, 0.85]}, geometry=shapes, crs=UTM)
    figure = plots.detections_figure(scene, cells, threshold=0.8)
    (drawn,) = polygons_of(figure.axes[0])
    npt.assert_allclose(drawn.get_paths()[-1].vertices.min(axis=0) * 1000, [west, north - 20])
    # Seen through: the scene lies under them.
    assert (drawn.get_facecolor()[:, 3] < 0.5).all()
    assert (drawn.get_edgecolor()[:, 3] == 1).all()
    assert any("(dB)" in text for text in texts(figure))


def test_a_scene_without_cells_is_drawn(tmp_path):
    scene = square_layer(np.full((4, 4), -8.0), "vv", units="dB")
    nothing = gpd.GeoDataFrame({"probability": []}, geometry=[], crs=UTM)
    figure = plots.detections_figure(scene, nothing)
    assert polygons_of(figure.axes[0]) == []
    assert plots.save(figure, tmp_path / "none.png").is_file()
    bare = scene.drop_vars("spatial_ref")
    with pytest.raises(ValueError, match="a scene with a CRS"):
        plots.detections_figure(bare, nothing)


def test_outcomes_are_counted_and_coloured():
    shapes = [box(520 * at, 0, 520 * at + 520, 520) for at in range(4)]
    table = gpd.GeoDataFrame({"outcome": ["TP", "FP", "FN", "FN"]}, geometry=shapes, crs=UTM)
    ground = gpd.GeoDataFrame(geometry=[box(-520, -520, 5200, 1040)], crs=UTM)
    figure = plots.outcomes_figure(table, extent=ground.to_crs("EPSG:4326"))
    shown = texts(figure)
    for text in ("found (1)", "imagined (1)", "missed (2)"):
        assert text in shown
    sizes = [len(one.get_paths()) for one in polygons_of(figure.axes[0])]
    assert sizes == [1, 1, 1, 2]  # the ground, then each outcome
    left, right = figure.axes[0].get_xlim()
    assert left < -0.52
    assert right > 5.2
    with pytest.raises(ValueError, match="a CRS in metres"):
        plots.outcomes_figure(table.to_crs("EPSG:4326"))


def test_a_curve_shows_both_recalls_only_where_they_differ():
    curve = pd.DataFrame(
        {
            "threshold": [0.8, 0.9, 0.95],
            "precision": [0.5, 0.8, np.nan],
            "recall": [0.6, 0.3, 0.0],
            "reference_recall": [0.6, 0.3, 0.0],
        }
    )
    figure = plots.detection_curve_figure(curve, thresholds=[0.8, 0.7])
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(lines) == 1
    npt.assert_allclose(lines[0].get_xdata(), [0.6, 0.3])  # of no detections there is no precision
    assert "p > 0.8" in texts(figure)
    assert "p > 0.7" not in texts(figure)
    figure = plots.detection_curve_figure(curve.assign(reference_recall=[0.7, 0.4, 0.0]))
    assert len(figure.axes[0].lines) == 2
