"""
Footprints from optical and radar images
========================================

Mines, bare fields and muddy rivers look alike from above, but less so to a radar. A random forest
on both maps the footprints of mines. This page also shows how not to be fooled by its score.
"""

# %%
# One clean image a sensor
# ------------------------
# Clouds masked and the median taken for Sentinel-2; speckle filtered and the mean of powers taken
# for Sentinel-1. Then bands, spectral indices, decibels and radar indices, a variable each.

import functools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.model_selection import KFold

import minewatch as mw

world = mw.simulate.mine_world(seed=42, size=192)
clear = mw.masks.sentinel2_clear(world.sentinel2.quality)
optical = mw.composites.composite(world.sentinel2.where(clear))
radar = mw.composites.composite(mw.speckle.lee(world.sentinel1, looks=4.4), reducer="mean")

features = {
    "optical": mw.features.feature_stack(sentinel2=optical),
    "optical and radar": mw.features.feature_stack(sentinel2=optical, sentinel1=radar),
}
{name: len(stack) for name, stack in features.items()}

# %%
# Learn in the west
# -----------------
# Samples are pixels inside labelled polygons of the western half; each knows which polygon it comes
# from. The probability from which a pixel is called mine is the one with the best F1 on polygons
# that the forest had not seen. The outlines are the true ones.

west = world.polygons[world.polygons.region == "train"]
fit = functools.partial(mw.learn.fit_forest, trees=25, min_leaf=2)

samples, probability, threshold = {}, {}, {}
for name, stack in features.items():
    samples[name] = mw.learn.draw(stack, west, max_per_polygon=12, seed=0)
    unseen = mw.learn.out_of_fold(samples[name], fit=fit, split=mw.learn.PolygonSplit(4))
    threshold[name] = mw.metrics.best_threshold(
        unseen.sel({"class": 1}), samples[name].label, weight=samples[name].weight
    )
    layer = mw.learn.predict_proba(fit(samples[name]), stack).sel({"class": 1})
    probability[name] = layer.assign_attrs(long_name="probability of mine")

mines = world.polygons[world.polygons.label == 1]
figure = mw.plots.probability_figure(probability["optical and radar"], outlines=mines)

# %%
# What the forest looked at
# -------------------------
# Four of the leading ten are radar: they help to tell mines from bare fields.

forest = fit(samples["optical and radar"])
figure = mw.plots.importance_figure(mw.learn.importances(forest), most=12)

# %%
# How to be fooled
# ----------------
# Take the bare fields alone and give each a label by tossing a coin. There is nothing to learn, so
# an honest score is one half. But pixels of one field are nearly copies of each other: split pixel
# by pixel, the forest meets every field in training, recognises it in the test, and scores well
# above one half. Split by polygon, it does not.

fields = west[west.land_cover == "bare_soil"]
splits = {
    "by pixel": KFold(4, shuffle=True, random_state=0),
    "by polygon": mw.learn.PolygonSplit(4),
}
rng = np.random.default_rng(0)
tosses = []
for _ in range(3):
    coin = rng.permutation(np.arange(len(fields)) % 2)
    drawn = mw.learn.draw(
        features["optical and radar"], fields.assign(label=coin), max_per_polygon=40, seed=0
    )
    row = {}
    for way, split in splits.items():
        known = drawn if way == "by polygon" else drawn.drop_vars("polygon")
        likely = mw.learn.out_of_fold(known, fit=fit, split=split).sel({"class": 1}) >= 0.5
        row[way] = float((likely == drawn.label).mean())
    tosses.append(row)
tosses = pd.DataFrame(tosses)
tosses.round(2)

# %%
# The judge
# ---------
# In the eastern half every pixel has a known truth, and the forest saw none of it. Radar makes the
# map better there, and that is a claim one may rely on.

truth = (world.land_cover == mw.simulate.LAND_COVER["mine"]).astype("float32")
east = {"x": slice(world.size, None)}
judged = {}
for name, layer in probability.items():
    found = (layer >= threshold[name]).where(np.isfinite(layer)).astype("float32")
    table = mw.metrics.confusion(truth.isel(east), found.isel(east))
    judged[name] = mw.metrics.scores(table)

blue, red, grey = "#3b6ea5", "#d1495b", "#8a8a8a"
figure = Figure(figsize=(9, 3.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
left.bar(list(tosses), tosses.mean(), color=[red, blue], width=0.6)
for place, way in enumerate(tosses):
    left.plot([place] * len(tosses), tosses[way], "o", color="black", markersize=3)
left.axhline(0.5, color=grey, linestyle=":")
left.set(ylim=(0, 1), ylabel="accuracy", title="Labels by tossing a coin, split…")
names = ["precision", "recall", "f1"]
for shift, (name, hue) in zip((-0.2, 0.2), zip(judged, (grey, blue), strict=True), strict=True):
    bars = right.bar(
        np.arange(3) + shift, [judged[name][one] for one in names], 0.38, color=hue, label=name
    )
    right.bar_label(bars, fmt="%.2f", fontsize=9)
right.set_xticks(range(3), ["precision", "recall", "F1"])
right.set(ylim=(0, 1.12), title="Mines in the eastern half")
right.legend(frameon=False, ncols=2, loc="upper center", fontsize=9)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set(fontsize=10.5)
