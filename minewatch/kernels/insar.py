r"""Interferometric coherence in a moving window.

.. math:: \hat\gamma = \frac{\sum s_1 s_2^*}{\sqrt{\sum |s_1|^2 \; \sum |s_2|^2}}

Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146. All three sums
run over the same valid samples, which bounds the modulus by 1. How the sums are formed is told in
:mod:`minewatch.kernels._windows`; they are float32, as exact as float64 to 1e-6 because none is
long, and no product of two powers is ever formed, so that gains of 1e±15 change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc
from minewatch.kernels._windows import (
    TILE,
    WINDOW_HELPERS,
    reach,
    samples_inside,
    whole_vectors,
    window_sums,
)

__all__ = ["coherence", "complex_coherence"]

ZERO, ONE, NAN, INFINITY = (np.float32(value) for value in (0, 1, np.nan, np.inf))
SMALLEST = np.finfo(np.float32).tiny
"""Below it float32 loses digits: a smaller power sum is no longer a number to divide by."""


def correlate(s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, out: Any) -> None:
    """Write |γ| where `out` has one column a pixel, both parts of γ where it has two."""
    height, width = s1.shape
    if rows < 1 or cols < 1 or rows * cols < 2 or not min_valid <= 1.0:
        out[:] = NAN
        return
    # 0.07 of a hundred samples is 7, whatever the last binary digit of the product says.
    need = max(2, int(np.ceil(min_valid * rows * cols - 1e-9)))
    above, below = reach(rows, height)
    left, right = reach(cols, width)
    slots, span = above + 1 + below, left + 1 + right
    missing = np.zeros(slots, np.int64)
    for start in range(0, width, TILE):
        stop = min(start + TILE, width)
        first, last = max(0, start - left), min(width, stop + right)
        n = stop - start
        length = whole_vectors(n + span - 1)
        inside = samples_inside(start, stop, left, right, width)
        ring = np.zeros((slots, 5 * length), np.float32)
        scratch = np.zeros((3, 5 * length + span), np.float32)
        for entering in range(height + below):
            if entering < height:
                slot = entering % slots
                a, b = s1[entering, first:last], s2[entering, first:last]
                planes = ring[slot].reshape(5, length)
                missing[slot] = load_pair(a, b, first - start + left, planes)
            i = entering - below
            if i >= 0:
                top, bottom = max(0, i - above), min(height, entering + 1)
                # Where nothing is missing the count is known, and its plane need not be summed.
                used = 5 if missing.max() > 0 else 4
                total = window_sums(ring, top, bottom, span, used * length, scratch)
                sums = total.reshape(used, length)
                count = sums[4, :n] if used == 5 else inside
                enough = np.float32(need if used == 5 else -(-need // (bottom - top)))
                re, im, p, q = sums[0, :n], sums[1, :n], sums[2, :n], sums[3, :n]
                if out.shape[1] == width:
                    modulus(re, im, p, q, count, enough, out[i, start:stop])
                else:
                    parts(re, im, p, q, count, enough, out[i, 2 * start : 2 * stop])


def load_pair(a: Any, b: Any, offset: Any, planes: Any) -> Any:
    """Fill Re and Im of s1·conj(s2), |s1|², |s2|² and 0/1 validity; give how many are missing.

    Three loops and not one: a loop that writes more arrays is not turned into vector code.
    """
    end = offset + len(a)
    power = planes[2, offset:end]
    load_powers(a, b, power, planes[3, offset:end])
    load_products(a, b, power, planes[0, offset:end], planes[1, offset:end])
    return load_validity(power, planes[4, offset:end])


def load_powers(a: Any, b: Any, power1: Any, power2: Any) -> None:
    """|s|² of both images where both are finite and not zero, else 0 in both."""
    for k in range(len(power1)):
        p = a[k].real * a[k].real + a[k].imag * a[k].imag
        q = b[k].real * b[k].real + b[k].imag * b[k].imag
        valid = (p > ZERO) & (p < INFINITY) & (q > ZERO) & (q < INFINITY)
        power1[k] = p if valid else ZERO
        power2[k] = q if valid else ZERO


def load_products(a: Any, b: Any, power: Any, re: Any, im: Any) -> None:
    """Both parts of s1·conj(s2) where the power says that both images are valid, else 0."""
    for k in range(len(power)):
        x = a[k].real * b[k].real + a[k].imag * b[k].imag
        y = a[k].imag * b[k].real - a[k].real * b[k].imag
        re[k] = x if power[k] > ZERO else ZERO
        im[k] = y if power[k] > ZERO else ZERO


def load_validity(power: Any, count: Any) -> Any:
    """1 where the power says that both images are valid, else 0; give how many are not."""
    missing = 0
    for k in range(len(power)):
        valid = power[k] > ZERO
        count[k] = ONE if valid else ZERO
        missing += not valid
    return missing


def modulus(re: Any, im: Any, p: Any, q: Any, count: Any, need: Any, out: Any) -> None:
    """|γ| of one row piece, at most 1; NaN where too few samples are valid."""
    for k in range(len(out)):
        scale = ONE / (np.sqrt(p[k]) * np.sqrt(q[k]))
        x, y = re[k] * scale, im[k] * scale
        known = (count[k] >= need) & (p[k] < INFINITY) & (q[k] < INFINITY)
        known &= (p[k] >= SMALLEST) & (q[k] >= SMALLEST)
        out[k] = min(np.sqrt(x * x + y * y), ONE) if known else NAN


def parts(re: Any, im: Any, p: Any, q: Any, count: Any, need: Any, out: Any) -> None:
    """Re γ, Im γ, Re γ, … of one row piece; NaN where too few samples are valid."""
    for k in range(len(re)):
        scale = ONE / (np.sqrt(p[k]) * np.sqrt(q[k]))
        known = (count[k] >= need) & (p[k] < INFINITY) & (q[k] < INFINITY)
        known &= (p[k] >= SMALLEST) & (q[k] >= SMALLEST)
        out[2 * k] = re[k] * scale if known else NAN
        out[2 * k + 1] = im[k] * scale if known else NAN


HELPERS = (
    correlate,
    load_pair,
    load_powers,
    load_products,
    load_validity,
    modulus,
    parts,
    *WINDOW_HELPERS,
)


@gufunc(
    ["(complex64[:,::1],complex64[:,::1],int64,int64,float64,float32[:,::1])"],
    "(y,x),(y,x),(),(),()->(y,x)",
    helpers=HELPERS,
)
def coherence(s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, out: Any) -> None:
    """Interferometric coherence of two co-registered images, 0 to 1.

    A sample counts where both images are finite and neither is zero, and its power fits float32
    (amplitudes of about 1e-19 to 1e19). Windows are truncated at the edges of the array.

    Parameters
    ----------
    s1, s2 : (..., y, x) arrays of complex64
        Single-look complex images, linear amplitude.
    rows, cols : int
        Window size along y (azimuth) and x (range); output i of an even window sees inputs
        i - rows // 2 to i + rows - 1 - rows // 2.
    min_valid : float
        Share of the window, 0 to 1, that must be valid; never fewer than two samples.

    Returns
    -------
    (..., y, x) array of float32
        |γ|; NaN where too few samples are valid. All NaN for a window of fewer than two samples, a
        size below one or a share above one: a gufunc cannot say what is wrong with its arguments,
        the methods that call it do.

    See Also
    --------
    minewatch.insar.coherence : the same for labelled stacks and pair tables.

    Examples
    --------
    >>> import numpy as np
    >>> s1 = np.array([[1, 1, 1, 1]], np.complex64)
    >>> s2 = np.array([[1j, 1j, 1j, -1j]], np.complex64)
    >>> coherence(s1, s2, 1, 2, 0.5).round(6)
    array([[nan,  1.,  1.,  0.]], dtype=float32)
    """
    correlate(s1, s2, rows, cols, min_valid, out)


@gufunc(
    ["(complex64[:,::1],complex64[:,::1],int64,int64,float64,complex64[:,::1])"],
    "(y,x),(y,x),(),(),()->(y,x)",
    helpers=HELPERS,
)
def complex_coherence(s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, out: Any) -> None:
    """Complex coherence: its modulus is the coherence, its angle the multilooked phase.

    Parameters
    ----------
    s1, s2, rows, cols, min_valid
        As in :func:`coherence`.

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
    >>> s1 = np.array([[1, 1, 1]], np.complex64)
    >>> complex_coherence(s1, 1j * s1, 1, 2, 0.0).round(6)
    array([[nan+nanj,  0. -1.j,  0. -1.j]], dtype=complex64)
    """
    correlate(s1, s2, rows, cols, min_valid, out.view(np.float32))
