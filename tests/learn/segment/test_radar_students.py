"""Land cover from radar alone, learnt in one region of a simulated district, judged in another."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from minewatch import learn, metrics, radar, simulate
from minewatch.learn import segment

pytestmark = [pytest.mark.slow, pytest.mark.cnn]
SIZE, CHIP, DATES = 192, 48, 4
ALIKE = {1: 6, 2: 3, 3: 2, 4: 5, 5: 4, 6: 1}
"""What an optical teacher takes for each other: forest and palm, mine and soil, the two waters."""


@cache
def district() -> Any:
    return simulate.mine_world(seed=7, size=SIZE)


def scene(date: int, region: str) -> xr.Dataset:
    """One image of Sentinel-1, speckle and all, in decibels."""
    image = district().sentinel1.isel(time=date, drop=True).isel(x=columns(region))
    return xr.Dataset({name: radar.to_db(image[name]) for name in ("vv", "vh")})


def columns(region: str) -> slice:
    return {"train": slice(0, SIZE), "held_out": slice(SIZE, None)}[region]


@cache
def labels(*, noisy: bool) -> xr.DataArray:
    """Truth of the training region; or 30 % of it, in patches, taken for a class much alike."""
    truth = district().land_cover.isel(x=columns("train"))
    if not noisy:
        return truth
    field = gaussian_filter(np.random.default_rng(1).standard_normal(truth.shape), 3)
    wrong = field > np.quantile(field, 0.7)
    values = truth.values.copy()
    for code, other in ALIKE.items():
        values[wrong & (truth.values == code)] = other
    return truth.copy(data=values)


def chips(*, noisy: bool) -> xr.Dataset:
    each = [
        segment.chips(scene(date, "train"), labels(noisy=noisy), size=CHIP) for date in range(DATES)
    ]
    return xr.concat(each, "chip")


def score(mapped: np.ndarray) -> float:
    truth = district().land_cover.isel(x=columns("held_out")).values
    table = metrics.confusion(truth, mapped, classes=list(ALIKE))
    return metrics.mean_iou(table)


@cache
def unet_score(*, noisy: bool, loss: str, balance: float = 0.5) -> float:
    cut = chips(noisy=noisy)
    segmenter = segment.fit_unet(
        cut.chips, cut.labels, classes=district().land_cover.attrs["flag_values"], loss=loss,
        balance=balance, epochs=24, batch=4, rate=3e-3, width=8, levels=3, threads=1,
    )  # fmt: skip
    found = segment.predict_segments(scene(0, "held_out"), segmenter, tile=128, overlap=32)
    return score(segmenter.classes_[found.argmax("class").values])


@cache
def forest_score(*, noisy: bool) -> float:
    """Pixel by pixel, from the same two numbers of the same images."""
    cut = chips(noisy=noisy)
    at = np.random.default_rng(0).choice(cut.labels.size, 20_000, replace=False)
    values = {
        name: ("sample", cut.chips.sel(channel=name).values.ravel()[at]) for name in ("vv", "vh")
    }
    samples = xr.Dataset(values, {"label": ("sample", cut.labels.values.ravel()[at].astype(int))})
    forest = learn.fit_forest(samples, trees=50)
    return score(learn.predict(forest, scene(0, "held_out")).values)


@pytest.mark.parametrize(("noisy", "loss"), [(False, "ce+sce"), (True, "ce+sce"), (True, "ce")])
def test_the_network_maps_a_region_it_has_not_seen(noisy: bool, loss: str) -> None:
    """Above the forest that sees no neighbours, and that far above one class for all.

    Seeds of so short a training differ by up to 0.1 to either side of 0.68; forests by 0.01. Which
    loss bears noise better is therefore told by several seeds, on the page about segmentation.
    """
    truth = district().land_cover.isel(x=columns("held_out"))
    assert score(np.full(truth.shape, 1, "uint8")) < 0.15
    assert unet_score(noisy=noisy, loss=loss) > forest_score(noisy=noisy) + 0.05
    assert unet_score(noisy=noisy, loss=loss) > 0.4


def test_without_balance_the_bounded_loss_forgets_rare_classes() -> None:
    """From clean labels 0.45 on average against 0.68: further apart than seeds are."""
    assert unet_score(noisy=False, loss="ce+sce", balance=0.0) < 0.55
