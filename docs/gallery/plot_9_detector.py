"""
A patch detector, and what its score is worth
=============================================

Radar sees through clouds. A detector slides a window over a single Sentinel-1 image and says where
a mine may be. This page teaches one that needs no neural network, scores it on ground that it has
not seen, and shows three ways to be fooled.
"""

# %%
# Patches to learn from
# ---------------------
# VV, VH and half their difference in decibels, and patches around points of the western half. The
# mines of this district are small, so that windows of 24 pixels stand for the 104 of real images.
# A patch counts as a mine if half of it is one.

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401 the .rio accessor
from matplotlib.figure import Figure

import minewatch as mw
from minewatch.learn import patches

SIZE, STEP = 24, 12
world = mw.simulate.mine_world(seed=42, size=384)
scene = patches.channels(world.sentinel1.isel(time=[0, 3, 6]))
west, east = scene.isel(x=slice(0, 384)), scene.isel(x=slice(384, 768))

mine = (world.land_cover == mw.simulate.LAND_COVER["mine"]).isel(x=slice(0, 384)).values
total = np.pad(mine.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
share = total[SIZE:, SIZE:] - total[:-SIZE, SIZE:] - total[SIZE:, :-SIZE] + total[:-SIZE, :-SIZE]
share = share / SIZE**2

rng = np.random.default_rng(0)
kinds = {1: share >= 0.5, 0: (share > 0) & (share < 0.5), -1: share == 0}
at = [rng.choice(np.flatnonzero(kinds[kind]), 100 + 100 * (kind == 1)) for kind in kinds]
row, column = np.unravel_index(np.concatenate(at), share.shape)
where = gpd.points_from_xy(
    world.land_cover.x.values[column + SIZE // 2],
    world.land_cover.y.values[row + SIZE // 2],
    crs=scene.rio.crs,
)
points = gpd.GeoDataFrame({"label": np.repeat([1, 0, 0], [200, 100, 100])}, geometry=where)
cut = patches.extract(west.isel(time=[0]), points, size=SIZE)
detector = patches.fit_textures(cut, rounds=60)

# %%
# Windows become cells
# --------------------
# Each cell is covered by up to four windows, and is positive where one of them says more than the
# threshold. The threshold is the one with the best F1 in the west; the east judges.

mines = world.polygons[world.polygons.label == 1]
windows, references = {}, {}
for name, half in {"west": west, "east": east}.items():
    windows[name] = patches.scan(half.isel(time=0), detector).compute()
    left, top = float(half.x[0]) - 5, float(half.y[0]) + 5
    references[name] = mw.detections.reference_grid(
        mines[mines.region == {"west": "train", "east": "held_out"}[name]],
        size=10.0 * STEP,
        align=(left, top),
    )


def score(name, threshold):
    """Scores of the cells of a half above a threshold."""
    found = mw.detections.match(
        mw.detections.cells(windows[name], threshold=threshold), references[name]
    )
    return found, mw.metrics.object_scores(**found.counts)


thresholds = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.93, 0.95]
curve = pd.DataFrame(
    {name: [score(name, at)[1]["f1"] for at in thresholds] for name in windows}, index=thresholds
)
best = curve.west.idxmax()
found, scores = score("east", best)
curve.round(2)

# %%

figure = mw.plots.outcomes_figure(
    found.layers, title=f"East: F1 {scores['f1']:.2f} above {best:.2f}"
)

# %%
# What no detector can pass
# -------------------------
# One window that sees a mine paints four cells. Put the *true* share of mine in the place of the
# detector's probability, with the best threshold there is: cells of small mines are wrong all the
# same. The ceiling belongs beside the score.

windows["oracle"] = windows["west"].copy(data=share[::STEP, ::STEP].astype("float32"))
references["oracle"] = references["west"]
ceiling = max(score("oracle", at)[1]["f1"] for at in np.arange(0.05, 0.95, 0.05))
print(f"west: detector {curve.west.max():.2f}, ceiling {ceiling:.2f}")

# %%
# Patches of one place are nearly copies
# --------------------------------------
# Give each of 60 places without a mine a label by tossing a coin. There is nothing to learn. Three
# dates of each make 180 patches: split patch by patch, the detector recognises the places.

quiet = points[points.label == 0].sample(60, random_state=0)
tosses = patches.extract(west, quiet.assign(label=rng.permutation(np.arange(60) % 2)), size=SIZE)
accuracy = {}
for way in ("patch", "point"):
    right = []
    for seed in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # split says itself what is wrong with "patch"
            learn, test = patches.split(tosses, by=way, test_size=0.3, seed=seed)
        told = patches.fit_textures(learn, rounds=60).predict_proba(test.patches.values)
        right.append(((told > 0.5) == test.label.values).mean())
    accuracy[way] = float(np.mean(right))

blue, red, grey = "#3b6ea5", "#d1495b", "#8a8a8a"
figure = Figure(figsize=(9, 3.2), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
left.plot(curve.index, curve.west, "o-", color=grey, label="west, learnt from")
left.plot(curve.index, curve.east, "o-", color=blue, label="east, unseen")
left.axhline(ceiling, color=red, linestyle=":", label="true share of mine, west")
left.set(xlabel="threshold", ylabel="F1 of cells", ylim=(0, 1))
left.legend(frameon=False, fontsize=9, loc="lower center")
bars = right.bar(list(accuracy), list(accuracy.values()), color=[red, blue], width=0.6)
right.bar_label(bars, fmt="%.2f", fontsize=9)
right.axhline(0.5, color=grey, linestyle=":")
right.set(ylim=(0, 1.1), ylabel="accuracy", title="Labels by tossing a coin, split by…")
right.title.set(fontsize=10.5)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
