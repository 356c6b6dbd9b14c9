"""The geometric median of each pixel's spectra, by Weiszfeld's iteration.

Pixels lie side by side, one in each lane of the processor's vectors, with their valid dates in
front. A pixel that has arrived leaves its lane to the next one: no lane waits for a slow one, and
what happens in one lane depends on no other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["geometric_median"]

LANES = 64
"""Pixels worked on side by side."""

STEPS = 200
"""Most steps a pixel takes; nearly all stop within thirty."""

TOLERANCE = 1e-6
"""A pixel stops when a step is this small beside its mean distance to the dates."""

NAN = np.float32(np.nan)


def gather(spectra: Any, pixel: Any, points: Any, lane: Any) -> Any:
    """Lay the dates of a pixel that are known in all layers into a lane; how many they are."""
    layers, dates = spectra.shape[:2]
    number = 0
    for t in range(dates):
        known = True
        for v in range(layers):
            value = spectra[v, t, pixel]
            points[number * layers + v, lane] = value
            known &= np.isfinite(value)
        number += known
    # Nothing unknown stays behind the last: a weight of 0 would not silence it.
    points[number * layers : (number + 1) * layers, lane] = 0
    return number


def gather_side_by_side(spectra: Any, start: Any, points: Any, number: Any) -> None:
    """The same of the pixels from `start` on, one in each lane, in the order they are read."""
    layers, dates, pixels = spectra.shape
    number[:] = 0.0
    for t in range(dates):
        for k in range(min(LANES, pixels - start)):
            first, known = np.int64(number[k]) * layers, True
            for v in range(layers):
                value = spectra[v, t, start + k]
                points[first + v, k] = value
                known &= np.isfinite(value)
            number[k] += known
    for k in range(LANES):
        first = np.int64(number[k]) * layers
        points[first : first + layers, k] = 0


def squared_distance(points: Any, date: Any, centre: Any, square: Any) -> None:
    """From a date to the centre of each lane."""
    layers, at = len(centre), date * len(centre)
    square[:] = 0.0
    for v in range(0, layers - 2, 3):
        for k in range(LANES):
            x = np.float64(points[at + v, k]) - centre[v, k]
            y = np.float64(points[at + v + 1, k]) - centre[v + 1, k]
            z = np.float64(points[at + v + 2, k]) - centre[v + 2, k]
            square[k] = ((square[k] + x * x) + y * y) + z * z
    for v in range(layers - layers % 3, layers):
        for k in range(LANES):
            x = np.float64(points[at + v, k]) - centre[v, k]
            square[k] += x * x


def find_best_dates(
    points: Any, number: Any, centre: Any, square: Any, total: Any, best: Any
) -> None:
    """The date of each lane that is nearest to all its other dates, the first of equals."""
    layers, most = len(centre), np.int64(number.max())
    total[:most] = 0.0
    for i in range(most):
        centre[:] = points[i * layers : (i + 1) * layers]
        for j in range(i + 1, most):
            squared_distance(points, j, centre, square)
            for k in range(LANES):
                distance = np.sqrt(square[k]) if j < number[k] else 0.0
                total[i, k] += distance
                total[j, k] += distance
    for k in range(LANES):
        best[k] = 0
        for i in range(1, np.int64(number[k])):
            if total[i, k] < total[best[k], k]:
                best[k] = i


def weigh(square: Any, date: Any, number: Any, weight: Any, sums: Any) -> None:
    """Weight of a date, 0 on top of it; sums of weights, of dates on top and of distances."""
    for k in range(LANES):
        seen = date < number[k]
        distance = np.sqrt(square[k])
        away = seen & (distance > 0.0)
        weight[k] = 1.0 / distance if away else 0.0
        sums[0, k] += weight[k]
        sums[1, k] += 1.0 if seen & (distance == 0.0) else 0.0
        sums[2, k] += distance if away else 0.0


def pull_at(
    points: Any, number: Any, centre: Any, square: Any, weight: Any, sums: Any, pull: Any
) -> None:
    """How all dates together pull at the centre of each lane."""
    layers = len(centre)
    sums[:], pull[:] = 0.0, 0.0
    for t in range(np.int64(number.max())):
        squared_distance(points, t, centre, square)
        weigh(square, t, number, weight, sums)
        for v in range(layers):
            for k in range(LANES):
                pull[v, k] += (np.float64(points[t * layers + v, k]) - centre[v, k]) * weight[k]


def move(
    centre: Any, number: Any, square: Any, weight: Any, sums: Any, pull: Any, arrived: Any
) -> None:
    """One step of each lane (Vardi and Zhang 2000), and whether it needs no other."""
    layers = len(centre)
    square[:] = 0.0
    for v in range(layers):
        for k in range(LANES):
            square[k] += pull[v, k] * pull[v, k]
    for k in range(LANES):
        total, held, strength = sums[0, k], sums[1, k], np.sqrt(square[k])
        # On top of dates the pull must beat their number, else the optimum is here.
        weight[k] = (1.0 - held / strength) / total if strength > held else 0.0
    square[:] = 0.0
    for v in range(layers):
        for k in range(LANES):
            step = pull[v, k] * weight[k]
            square[k] += step * step
            centre[v, k] += step
    for k in range(LANES):
        arrived[k] = not np.sqrt(square[k]) * number[k] > TOLERANCE * sums[2, k]


@gufunc(
    ["(float32[:,:,::1],int64,float32[:,::1],float32[::1])"],
    "(v,t,p),()->(v,p),(p)",
    helpers=(
        gather,
        gather_side_by_side,
        squared_distance,
        find_best_dates,
        weigh,
        pull_at,
        move,
    ),
)
def geometric_median(spectra: Any, min_count: Any, median: Any, count: Any) -> None:
    """The spectrum with the least sum of distances to those of all dates.

    Weiszfeld's iteration, started at the best of the dates and able to leave it or to stay there
    (Vardi and Zhang 2000). It stops at a step of a millionth of the mean distance.

    Parameters
    ----------
    spectra : (..., v, t, p) array of float32
        Layers, dates and pixels; a date counts where all layers are finite.
    min_count : int
        A pixel with fewer such dates is NaN.

    Returns
    -------
    median : (..., v, p) array of float32
        Geometric median of each pixel.
    count : (..., p) array of float32
        Its dates that count.

    See Also
    --------
    minewatch.composites.composite : composites of labelled cubes.

    References
    ----------
    Vardi & Zhang (2000), The multivariate L1-median and associated data depth, PNAS 97(4),
    doi:10.1073/pnas.97.4.1423

    Examples
    --------
    >>> import numpy as np
    >>> corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], np.float32)
    >>> median, count = geometric_median(corners[:, :, None], 1)
    >>> median.ravel(), count
    (array([0.5, 0.5], dtype=float32), array([4.], dtype=float32))
    """
    layers, dates, pixels = spectra.shape
    median[:] = NAN
    # A place more: the values of a date are laid down before all are known to be valid.
    points = np.zeros(((dates + 1) * layers, LANES), np.float32)
    number, square, weight = np.zeros(LANES), np.empty(LANES), np.empty(LANES)
    centre, pull = np.zeros((layers, LANES)), np.zeros((layers, LANES))
    sums = np.zeros((3, LANES))
    totals, best = np.empty((dates, LANES)), np.zeros(LANES, np.int64)
    first = np.empty(pixels, np.int64)
    for start in range(0, pixels, LANES):
        gather_side_by_side(spectra, start, points, number)
        find_best_dates(points, number, centre, square, totals, best)
        for k in range(min(LANES, pixels - start)):
            first[start + k], count[start + k] = best[k], number[k]
    number[:] = 0.0
    pixel, steps = np.full(LANES, -1), np.zeros(LANES, np.int64)
    arrived = np.zeros(LANES, np.bool_)
    waiting, least = 0, max(min_count, 1)
    while True:
        for k in range(LANES):
            if pixel[k] >= 0:
                if not arrived[k] and steps[k] < STEPS:
                    continue
                for v in range(layers):
                    median[v, pixel[k]] = centre[v, k]
                pixel[k], number[k] = -1, 0.0
            while waiting < pixels and count[waiting] < least:
                waiting += 1
            if waiting < pixels:
                number[k] = gather(spectra, waiting, points, k)
                for v in range(layers):
                    centre[v, k] = points[first[waiting] * layers + v, k]
                pixel[k], steps[k] = waiting, 0
                waiting += 1
        if pixel.max() < 0:
            break
        pull_at(points, number, centre, square, weight, sums, pull)
        move(centre, number, square, weight, sums, pull, arrived)
        steps += 1
