"""
Speckle and three Lee filters
=============================

Radar images are grainy: a Sentinel-1 pixel of 4.4 looks scatters by half its value. A Lee filter
averages where the ground is even and holds back where it is not. Its variants weigh the two
differently; here they meet an image whose truth is known.
"""

# %%
# A grainy image
# --------------
# Backscatter of the simulated land cover in linear power, clean and with speckle. Speckle
# multiplies, so the filters work on linear power; decibels are for looking at.

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import minewatch as mw

decibels = {
    "forest": -7, "mine": -10, "bare_soil": -11, "sediment_river": -19, "clear_water": -21,
    "young_palm": -8.5,
}  # fmt: skip
cover = mw.simulate.mine_world(seed=42, size=160).land_cover.isel(x=slice(160))
clean = xr.zeros_like(cover, dtype="float32").rename("vv")
for name, level in decibels.items():
    clean = clean.where(cover != mw.simulate.LAND_COVER[name], 10 ** (level / 10))
clean.attrs = {"long_name": "backscatter", "units": "1"}
noisy = mw.simulate.speckle(clean, looks=4.4, seed=1)

# %%
# Filtered
# --------
# The three variants in a window of 7 × 7, beside the plain mean of that window.

variants = {"mmse": "Lee, mmse", "snap": "Lee, snap", "lee1980": "Lee, 1980"}
images = {"truth": clean, "with speckle": noisy}
images["plain mean"] = noisy.rolling(y=7, x=7, center=True, min_periods=1).mean()
for variant, name in variants.items():
    images[name] = mw.speckle.lee(noisy, looks=4.4, window=7, variant=variant)

figure = Figure(figsize=(9, 6.2), layout="compressed")
panels = figure.subplots(2, 3)
for axes, (name, image) in zip(panels.flat, images.items(), strict=True):
    part = 10 * np.log10(image.isel(y=slice(10, 100), x=slice(20, 110)).values)
    drawn = axes.imshow(part, cmap="gray", vmin=-18, vmax=-4)
    axes.set_title(name, loc="left", fontsize=10)
    axes.set_axis_off()
figure.colorbar(drawn, ax=panels, shrink=0.6, label="backscatter (dB)", extend="both")

# %%
# In numbers
# ----------
# The equivalent number of looks, mean² over variance on even ground, says how much grain is gone.
# The error is taken over pixels whose window straddles a border, where averaging does harm, and
# over the others.

near, far = (clean.rolling(y=w, x=w, center=True) for w in (7, 11))
border = near.max() > near.min()
even = (far.max() == far.min()) & (cover == mw.simulate.LAND_COVER["forest"])


def judge(image):
    error = 10 * np.log10(image / clean)
    return {
        "looks on even ground": float(mw.speckle.equivalent_number_of_looks(image, within=even)),
        "mean kept": float(image.where(even).mean() / clean.where(even).mean()),
        "error on even ground (dB)": float(np.sqrt((error**2).where(~border).mean())),
        "error at borders (dB)": float(np.sqrt((error**2).where(border).mean())),
    }


pd.DataFrame({name: judge(image) for name, image in list(images.items())[1:]}).T.round(2)

# %%
# The bargain
# -----------
# Larger windows take more grain away, and the plain mean pays for it at borders. The Lee filters
# pay half, because they notice that a window there is uneven. ``mmse``, the default, smooths most
# in a given window; ``snap``, which is what SNAP computes, and ``lee1980`` keep borders best.

figure = Figure(figsize=(7, 4), layout="constrained")
axes = figure.add_subplot()
windows = (3, 5, 7, 9, 11)
hues = dict(zip(variants, ("#3b6ea5", "#d1495b", "#e69f00"), strict=True))
for variant, name in variants.items():
    scores = [judge(mw.speckle.lee(noisy, looks=4.4, window=w, variant=variant)) for w in windows]
    x, y = (
        [one[key] for one in scores] for key in ("looks on even ground", "error at borders (dB)")
    )
    axes.plot(x, y, "o-", color=hues[variant], label=name, markersize=4)
scores = [
    judge(noisy.rolling(y=w, x=w, center=True, min_periods=1).mean(keep_attrs=True))
    for w in windows
]
x, y = ([one[key] for one in scores] for key in ("looks on even ground", "error at borders (dB)"))
axes.plot(x, y, "o-", color="#8a8a8a", label="plain mean", markersize=4)
for w, at, height in zip(windows, x, y, strict=True):
    axes.annotate(f"{w} × {w}", (at, height), (0, 6), textcoords="offset points", fontsize=8.5)
axes.set(xscale="log", xlabel="looks on even ground", ylabel="error at borders (dB)")
axes.set_xticks([25, 50, 100, 200, 400], ["25", "50", "100", "200", "400"])
axes.minorticks_off()
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
