r"""Coherence of the fringe that fits each window best.

A phase ramp of f cycles a sample inside a window turns the sum of N samples down by
:math:`\sin(\pi N f) / (N \sin \pi f)`. Here the sum is formed for many ramps, those of a Fourier
transform of the window padded to four times its size, and the largest one is kept:

.. math:: \hat\gamma = \max_{|f_y|, |f_x| \le F}
    \frac{|\sum s_1 s_2^*\, e^{-2\pi j (f_y y + f_x x)}|}{\sqrt{\sum |s_1|^2 \; \sum |s_2|^2}}

No ramp at all is among them. Rows and columns are transformed one after the other, and f and -f
together, each step being one loop over contiguous memory, as in :mod:`minewatch.kernels._windows`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc
from minewatch.kernels._windows import TILE, reach, window_sums
from minewatch.kernels.insar import HELPERS, NAN, ONE, ZERO, load_pair, modulus, parts

__all__ = ["demodulated_coherence", "demodulated_complex_coherence"]

PADDED = 4
"""Ramps are tried at this fraction of a cycle a window: between two of them 1 to 4 % is lost."""


def demodulate(
    s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, max_fringe: Any, out: Any
) -> None:
    """Write |γ| where `out` has one column a pixel, both parts of γ where it has two."""
    height, width = s1.shape
    known = rows >= 1 and cols >= 1 and rows * cols >= 2 and min_valid <= 1.0
    if not (known and max_fringe >= 0.0 and max_fringe <= 0.5):
        out[:] = NAN
        return
    need = np.float32(max(2, int(np.ceil(min_valid * rows * cols - 1e-9))))
    above, below = reach(rows, height)
    left, right = reach(cols, width)
    slots, span = above + 1 + below, left + 1 + right
    for start in range(0, width, TILE):
        stop = min(start + TILE, width)
        first, last = max(0, start - left), min(width, stop + right)
        n, length = stop - start, stop - start + span - 1
        ring = np.zeros((slots, 5 * length), np.float32)
        scratch = np.zeros((3, 5 * length + span), np.float32)
        joined = np.zeros((2, length), np.float32)
        sums = np.zeros((4, n), np.float32)
        best = np.zeros((4, n), np.float32)
        for entering in range(height + below):
            if entering < height:
                a, b = s1[entering, first:last], s2[entering, first:last]
                load_pair(a, b, first - start + left, ring[entering % slots].reshape(5, length))
            i = entering - below
            if i >= 0:
                top, bottom = max(0, i - above), min(height, entering + 1)
                total = window_sums(ring, top, bottom, span, 5 * length, scratch)
                plain = total.reshape(5, length)
                p, q, count = plain[2, :n], plain[3, :n], plain[4, :n]
                begin(plain[0, :n], plain[1, :n], p, q, best)
                for wave in range(-waves(rows, max_fringe), waves(rows, max_fringe) + 1):
                    join_rows(ring, top, bottom, i, wave / (PADDED * rows), joined)
                    for ripple in range(waves(cols, max_fringe) + 1):
                        fringe_sums(joined, left, span, ripple / (PADDED * cols), sums)
                        keep_larger(sums[0], sums[1], sums[2], sums[3], best)
                re, im = best[0], best[1]
                if out.shape[1] == width:
                    modulus(re, im, p, q, count, need, out[i, start:stop])
                else:
                    parts(re, im, p, q, count, need, out[i, 2 * start : 2 * stop])


def waves(size: Any, max_fringe: Any) -> Any:
    """How many ramps of either sign are tried along a side of the window."""
    return int(np.floor(max_fringe * PADDED * size + 1e-9))


def begin(re: Any, im: Any, p: Any, q: Any, best: Any) -> None:
    """Start from the sum without a ramp, of a modulus that any other exceeds."""
    for k in range(len(re)):
        best[0, k] = re[k]
        best[1, k] = im[k]
        best[2, k] = -ONE
        best[3, k] = ONE / (np.sqrt(p[k]) * np.sqrt(q[k]))


def join_rows(ring: Any, top: Any, bottom: Any, at: Any, fringe: Any, joined: Any) -> None:
    """Add the rows of the window, each turned back by a ramp along y; its phase is that of `at`."""
    length = joined.shape[1]
    joined[:] = ZERO
    for row in range(top, bottom):
        angle = 2.0 * np.pi * fringe * (row - at)
        planes = ring[row % len(ring), : 2 * length].reshape(2, length)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        add_turned(planes[0], planes[1], cosine, sine, joined[0], joined[1])


def add_turned(a: Any, b: Any, cosine: Any, sine: Any, re: Any, im: Any) -> None:
    """Add (a + jb)·exp(-jθ)."""
    for k in range(len(re)):
        re[k] += a[k] * cosine + b[k] * sine
        im[k] += b[k] * cosine - a[k] * sine


def fringe_sums(joined: Any, left: Any, span: Any, fringe: Any, sums: Any) -> None:
    """Σ a cos, Σ b sin, Σ b cos, Σ a sin over the columns, which ±f share."""
    n = sums.shape[1]
    sums[:] = ZERO
    for column in range(span):
        angle = 2.0 * np.pi * fringe * (column - left)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        a, b = joined[0, column : column + n], joined[1, column : column + n]
        add_projections(a, cosine, sine, sums[0], sums[3])
        add_projections(b, cosine, sine, sums[2], sums[1])


def add_projections(a: Any, cosine: Any, sine: Any, along: Any, across: Any) -> None:
    """Add a·cos θ and a·sin θ."""
    for k in range(len(along)):
        along[k] += a[k] * cosine
        across[k] += a[k] * sine


def keep_larger(ac: Any, bs: Any, bc: Any, sa: Any, best: Any) -> None:
    """Keep the larger of the ramp, of its mirror image and of what was best so far."""
    re, im, level, scale = best[0], best[1], best[2], best[3]
    for k in range(len(re)):
        x, y = ac[k] + bs[k], bc[k] - sa[k]
        u, v = ac[k] - bs[k], bc[k] + sa[k]
        one = (x * scale[k]) * (x * scale[k]) + (y * scale[k]) * (y * scale[k])
        two = (u * scale[k]) * (u * scale[k]) + (v * scale[k]) * (v * scale[k])
        mirrored = two > one
        size = two if mirrored else one
        larger = size > level[k]
        re[k] = (u if mirrored else x) if larger else re[k]
        im[k] = (v if mirrored else y) if larger else im[k]
        level[k] = size if larger else level[k]


OWN = (
    demodulate,
    waves,
    begin,
    join_rows,
    add_turned,
    fringe_sums,
    add_projections,
    keep_larger,
    *HELPERS,
)


@gufunc(
    ["(complex64[:,::1],complex64[:,::1],int64,int64,float64,float64,float32[:,::1])"],
    "(y,x),(y,x),(),(),(),()->(y,x)",
    helpers=OWN,
)
def demodulated_coherence(
    s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, max_fringe: Any, out: Any
) -> None:
    """Coherence of two images after the phase ramp that fits each window best is taken out.

    Parameters
    ----------
    s1, s2, rows, cols, min_valid
        As in :func:`minewatch.kernels.coherence`.
    max_fringe : float
        Steepest ramp tried in either direction, cycles a sample, 0 to 0.5.

    Returns
    -------
    (..., y, x) array of float32
        |γ|, never below that of :func:`minewatch.kernels.coherence` but by rounding; NaN where too
        few samples are valid, or everywhere for settings that cannot be.

    See Also
    --------
    minewatch.insar.coherence : the same for labelled stacks and pair tables.

    Examples
    --------
    >>> import numpy as np
    >>> s1 = np.ones((1, 8), np.complex64)
    >>> ramp = np.exp(0.25j * np.pi * np.arange(8)).astype(np.complex64)[None]
    >>> demodulated_coherence(s1, ramp, 1, 8, 1.0, 0.5).round(6)[0, 4]
    np.float32(1.0)
    """
    demodulate(s1, s2, rows, cols, min_valid, max_fringe, out)


@gufunc(
    ["(complex64[:,::1],complex64[:,::1],int64,int64,float64,float64,complex64[:,::1])"],
    "(y,x),(y,x),(),(),(),()->(y,x)",
    helpers=OWN,
)
def demodulated_complex_coherence(
    s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, max_fringe: Any, out: Any
) -> None:
    """The same with the interferometric phase that the ramp has at the pixel.

    Parameters
    ----------
    s1, s2, rows, cols, min_valid, max_fringe
        As in :func:`demodulated_coherence`.

    Returns
    -------
    (..., y, x) array of complex64
        γ of s1·conj(s2), radians in its angle; NaN+NaNj where too few samples are valid.

    See Also
    --------
    minewatch.insar.complex_coherence : the same for labelled stacks and pair tables.

    Examples
    --------
    >>> import numpy as np
    >>> s1 = np.ones((1, 8), np.complex64)
    >>> ramp = np.exp(-0.25j * np.pi * np.arange(8)).astype(np.complex64)[None]
    >>> gamma = demodulated_complex_coherence(s1, ramp, 1, 8, 1.0, 0.5)[0, 4]
    >>> round(float(abs(gamma)), 6), round(float(abs(np.angle(gamma))), 6)  # π at the fifth sample
    (1.0, 3.141593)
    """
    demodulate(s1, s2, rows, cols, min_valid, max_fringe, out.view(np.float32))
