"""
What a coherence estimate is worth
==================================

Coherence is measured in a small window, so it scatters, and where there is none it does not read 0.
Both effects are known in closed form. This page sets the formula against simulated radar images,
and shows what it says about false alarms.
"""

# %%
# Looks
# -----
# A window of 3 × 10 holds 30 pixels, but Sentinel-1 pixels are finer than its resolution, so they
# are not independent. What counts is the effective number of looks.

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import minewatch as mw

window = (3, 10)
looks = mw.insar.effective_looks(window)
print(f"{window[0] * window[1]} pixels are worth {looks:.1f} looks")

# %%
# The bias
# --------
# For each true coherence, two images that have it, the estimate in the window, and its mean; the
# line is the expectation of Touzi et al. (1999). Decorrelated ground reads 0.2, not 0: no threshold
# below that floor can ever be crossed. Above 0.6 the bias hardly matters, which is why stable
# ground, at 0.8 and more, needs no correction.

dates = np.array(["2022-03-05", "2022-03-17"], "datetime64[ns]")
coords = {"reference_time": ("pair", dates[:1]), "secondary_time": ("pair", dates[1:])}


def estimate(true, seed):
    rho = xr.DataArray(np.full((1, 160, 160), true), dims=("pair", "y", "x"), coords=coords)
    slc = mw.simulate.slc_stack(rho, bandwidth=(0.624, 0.752), seed=seed)
    pairs = mw.insar.select_pairs(slc, max_perpendicular_baseline=None)
    return mw.insar.coherence(slc, pairs, window=window).isel(
        pair=0, y=slice(5, -5), x=slice(10, -10)
    )


levels = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
maps = {level: estimate(level, seed) for seed, level in enumerate(levels)}
means = pd.Series({level: float(image.mean()) for level, image in maps.items()})

blue, red, grey = "#3b6ea5", "#d1495b", "#8a8a8a"
true = np.linspace(0, 0.999, 200)
figure = Figure(figsize=(6, 4.6), layout="constrained")
axes = figure.add_subplot()
axes.plot(true, true, color=grey, linestyle=":", label="no bias")
for count, hue in ((7, "#e69f00"), (looks, blue), (100, "#56b4e9")):
    expected = mw.insar.expected_coherence(true, count)
    axes.plot(true, expected, color=hue, label=f"{count:.0f} looks")
axes.plot(means.index, means, "o", color=blue, label=f"simulated, window {window[0]} × {window[1]}")
axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="true coherence", ylabel="mean of the estimate")
axes.set_aspect("equal")
axes.legend(frameon=False, loc="lower right")
axes.spines[["top", "right"]].set_visible(False)

# %%
# Taken out
# ---------
# :func:`minewatch.insar.debias` inverts the line pixel by pixel. The mean comes right, except near
# 0, where half of the estimates lie below the floor; the price is more scatter. NDAI compares
# estimates with estimates and does without.

pd.DataFrame(
    {
        "true": levels,
        "estimate": means.values,
        "debiased": [float(mw.insar.debias(image, looks=looks).mean()) for image in maps.values()],
    }
).round(3)

# %%
# The spread, and false alarms
# ----------------------------
# On the left the distribution of the estimate over ground of three true coherences. On the right
# what follows for an activity map: ground is called active on a date if its estimate falls below
# the threshold, here 0.68. Ground of coherence 0.8 that nobody touched does so in a few percent of
# the dates, and the more looks, the fewer.

threshold = mw.activity.coherence_threshold(0.8832, 0.13)
edges = np.linspace(0, 1, 101)
figure = Figure(figsize=(9.5, 4), layout="constrained")
left, right = figure.subplots(1, 2)
for level, hue in ((0.0, grey), (0.6, blue), (0.9, red)):
    seen = np.histogram(maps[level].values, edges, density=True)[0]
    left.stairs(seen, edges, color=hue, fill=True, alpha=0.3)
    density = np.diff(mw.insar.coherence_cdf(edges, level, looks)) / np.diff(edges)
    left.plot(edges[:-1] + 0.005, density, color=hue, label=f"true coherence {level:g}")
left.axvline(threshold, color="black", linewidth=1)
left.annotate(f" threshold {threshold:.2f}", (threshold, 0.98), xycoords=("data", "axes fraction"))
left.set(xlim=(0, 1), xlabel="estimate", ylabel="density (filled: simulated, line: theory)")
left.legend(frameon=False, loc="upper left", fontsize=9, bbox_to_anchor=(0, 0.93))

ground = np.linspace(0.6, 0.95, 71)
for count, hue in ((7, "#e69f00"), (looks, blue), (30, "#56b4e9")):
    alarms = mw.insar.coherence_cdf(threshold, ground, count)
    right.plot(ground, 100 * alarms, color=hue, label=f"{count:.0f} looks")
right.set(yscale="log", ylim=(0.01, 100), xlim=(0.6, 0.95))
right.set(xlabel="true coherence of untouched ground", ylabel="dates called active (%)")
right.legend(frameon=False, loc="lower left")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
