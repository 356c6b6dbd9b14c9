"""
Is it worth fusing sensors?
===========================

One forest on optical images, one on each radar, one on all of them, judged by the same unseen
polygons: is the difference more than chance? And does a probability of 70 % mean that seven such
pixels of ten are mines? The west of a simulated district is learnt from, the truth of the east is
known to the last pixel.
"""

# %%
# Four sensors on one grid
# ------------------------
# Clouds are masked by each sensor's own quality band. Optical images become one by the median,
# radar images by the mean of their power once speckle is filtered.

import functools

import numpy as np
from matplotlib.figure import Figure

import minewatch as mw

world = mw.simulate.mine_world(seed=42, size=192)
optical = {
    "sentinel2": world.sentinel2.where(mw.masks.sentinel2_clear(world.sentinel2.quality)),
    "landsat8": world.landsat8.where(mw.masks.landsat_clear(world.landsat8.quality)),
}
images = {name: mw.composites.composite(cube) for name, cube in optical.items()}
quiet = mw.speckle.lee(world.sentinel1, looks=4.4)
images["sentinel1"] = mw.composites.composite(quiet, reducer="mean")
images["palsar"] = mw.composites.composite(world.palsar, reducer="mean")
stack = mw.features.feature_stack(**images)
sets = mw.learn.sensor_sets(stack.data_vars)
{name: len(members) for name, members in sets.items()}

# %%
# Each by itself, and all
# -----------------------
# Every set is fitted and judged on the same folds, which keep polygons whole. The bars are drawn
# from whole polygons: pixels of a polygon resemble each other, and to count them one by one would
# make every difference look certain.

west = world.polygons[world.polygons.region == "train"]
samples = mw.learn.draw(stack, west, max_per_polygon=15, seed=0)
fit = functools.partial(mw.learn.fit_forest, trees=25, min_leaf=2)
table = mw.learn.ablation(samples, sets, fit=fit, split=mw.learn.PolygonSplit(4))
print(mw.learn.sentence(table))
figure = mw.plots.ablation_figure(table)

# %%
# Votes are no probability
# ------------------------
# A forest's share of votes is drawn towards one half. The curve from votes to probabilities is
# learnt from votes on polygons that the trees had not seen, and judged on polygons that neither
# had.

votes = mw.learn.out_of_fold(samples, fit=fit, split=mw.learn.PolygonSplit(4))
calibration = mw.learn.calibrate(votes)
tables = {
    "votes": mw.learn.reliability(votes),
    "calibrated": mw.learn.reliability(calibration.held_out),
}
figure = mw.plots.reliability_figure(tables)
calibration.figures.round(4)

# %%
# The map, and the judge
# ----------------------
# In the east no polygon was learnt from and mines are rarer. Every pixel there has a known truth.

model = calibration.of(fit(samples))
probability = mw.learn.predict_proba(model, stack).sel({"class": 1})
probability = probability.assign_attrs(long_name="probability of mine")
mines = world.polygons[world.polygons.label == 1]
figure = mw.plots.probability_figure(probability, outlines=mines)

# %%
# Left: each dot is a tenth of the scale, and grows with the pixels that it stands for. On the line
# a probability is what it says; in the middle few pixels say anything. Right: hectares of mine in
# the east. Probabilities that mean what they say can be added up; a map cut at one half leaves out
# mines.

east = {"x": slice(world.size, None)}
chance = probability.isel(east).values.ravel()
truth = (world.land_cover == mw.simulate.LAND_COVER["mine"]).isel(east).values.ravel()
known = np.isfinite(chance)
chance, truth = chance[known], truth[known]
place = np.minimum((10 * chance).astype(int), 9)
size, told, found = (np.bincount(place, of, 10) for of in (np.ones(len(place)), chance, truth))
held = size > 0

blue, red, grey = "#3b6ea5", "#d1495b", "#8a8a8a"
figure = Figure(figsize=(9, 3.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
left.plot([0, 1], [0, 1], color=grey, linestyle=":")
dots = 4 * np.sqrt(size[held])
left.scatter(told[held] / size[held], found[held] / size[held], dots, color=blue, alpha=0.8)
left.set(xlabel="probability told", ylabel="share that is mine", xlim=(0, 1), ylim=(0, 1))
left.set_title("The east, ten classes of probability")
areas = {
    "truth": truth.sum() / 100,
    "sum of probabilities": chance.sum() / 100,
    "pixels above one half": (chance >= 0.5).sum() / 100,
}
bars = right.barh(list(areas), list(areas.values()), color=[grey, blue, red])
right.bar_label(bars, fmt="%.1f ha", padding=4, fontsize=9)
right.set(xlim=(0, 1.25 * max(areas.values())), title="Mines in the east, by three counts")
right.invert_yaxis()
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.title.set(fontsize=10.5)
