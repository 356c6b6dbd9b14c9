"""Random fields and random streams that every simulator draws from.

Each part of a simulated world draws from its own stream, so that changing how one part is drawn
leaves every other part as it was.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

__all__ = ["band_limited", "block_mean", "box_mean", "gaussian_field", "repeat_blocks", "stream"]

Floats = npt.NDArray[np.float64]


def stream(seed: int, *names: str) -> np.random.Generator:
    """Give a part of a simulation its own random stream.

    Parameters
    ----------
    seed : int
        Seed of the whole simulation.
    *names : str
        The part, e.g. ``"sentinel1", "vv"``.

    Returns
    -------
    numpy.random.Generator
        Depends on the seed and the names only, not on what was drawn before.

    Examples
    --------
    >>> int(stream(42, "dem").integers(100)) == int(stream(42, "dem").integers(100))
    True
    """
    key = tuple(zlib.crc32(name.encode()) for name in names)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def gaussian_field(shape: tuple[int, int], length: float, rng: np.random.Generator) -> Floats:
    r"""Smooth Gaussian random field of mean 0 and variance 1 (as an ensemble), periodic.

    White noise under a Gaussian kernel of standard deviation :math:`\ell`, so that the correlation
    at distance :math:`d` is :math:`\exp(-d^2/4\ell^2)`.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    length : float
        Standard deviation ℓ of the kernel in pixels.
    rng : numpy.random.Generator
        Where the white noise comes from.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float64.

    Examples
    --------
    >>> gaussian_field((4, 6), 1.5, np.random.default_rng(0)).shape
    (4, 6)
    """
    rows, columns = shape
    square = scipy.fft.fftfreq(rows)[:, None] ** 2 + scipy.fft.rfftfreq(columns)[None, :] ** 2
    kernel = np.exp(-2 * (np.pi * length) ** 2 * square)
    # Parseval: the mean of kernel² over the full plane; interior rfft columns stand for two.
    twice = np.full(columns // 2 + 1, 2.0)
    twice[0] = 1
    if columns % 2 == 0:
        twice[-1] = 1
    gain = np.sqrt((kernel**2 * twice).sum() / (rows * columns))
    white = scipy.fft.rfft2(rng.standard_normal(shape))
    field: Floats = scipy.fft.irfft2(white * kernel, s=shape) / gain
    return field


def band_limited(
    shape: tuple[int, int], bandwidth: tuple[float, float], rng: np.random.Generator
) -> npt.NDArray[np.complex128]:
    r"""Fully developed speckle: a unit-power circular complex Gaussian under a box spectrum.

    The spatial correlation is :math:`\mathrm{sinc}(q f_a)\,\mathrm{sinc}(p f_r)` at a lag of q rows
    and p columns, as left by a sensor that samples finer than it resolves. The field is periodic.

    Parameters
    ----------
    shape : (int, int)
        Rows (azimuth) and columns (range).
    bandwidth : (float, float)
        Pixel spacing over resolution in azimuth and range, in (0, 1].
    rng : numpy.random.Generator
        Where the white noise comes from.

    Returns
    -------
    numpy.ndarray
        (rows, columns) complex128, E|z|² = 1.

    Examples
    --------
    >>> z = band_limited((64, 64), (0.62, 0.75), np.random.default_rng(0))
    >>> round(float((abs(z) ** 2).mean()), 1)
    1.0
    """
    keep = np.outer(
        *(abs(scipy.fft.fftfreq(n)) <= f / 2 for n, f in zip(shape, bandwidth, strict=True))
    )
    white = rng.standard_normal((2, *shape))
    spectrum = scipy.fft.fft2(white[0] + 1j * white[1]) * keep
    field: npt.NDArray[np.complex128] = scipy.fft.ifft2(spectrum) / np.sqrt(2 * keep.mean())
    return field


def block_mean(array: npt.NDArray[Any], block: int) -> Floats:
    """Mean over block × block cells; cells that stick out over the edge average what they hold.

    Parameters
    ----------
    array : numpy.ndarray
        (..., rows, columns).
    block : int
        Cell size in pixels.

    Returns
    -------
    numpy.ndarray
        (..., ceil(rows / block), ceil(columns / block)) float64.

    Examples
    --------
    >>> block_mean(np.array([[1.0, 3.0, 5.0]]), 2)
    array([[2., 5.]])
    """
    rows, columns = array.shape[-2:]
    at = [np.arange(0, n, block) for n in (rows, columns)]
    total = np.add.reduceat(np.add.reduceat(array, at[0], axis=-2, dtype=float), at[1], axis=-1)
    counts = np.outer(
        *(np.diff([*starts, n]) for starts, n in zip(at, (rows, columns), strict=True))
    )
    mean: Floats = total / counts
    return mean


def box_mean(array: npt.NDArray[Any], window: tuple[int, int]) -> npt.NDArray[Any]:
    """Mean over a window around each pixel; beyond the edge the edge's value is repeated.

    Summed anew for every pixel: a running sum would leave rounding of large neighbours behind.

    Parameters
    ----------
    array : numpy.ndarray
        (..., rows, columns), real or complex, without NaN.
    window : (int, int)
        Rows and columns; an even window reaches one further up and left.

    Returns
    -------
    numpy.ndarray
        Same shape.

    Examples
    --------
    >>> box_mean(np.array([[0.0, 3.0, 0.0]]), (1, 3))
    array([[1., 1., 1.]])
    """
    for axis, n in zip((-2, -1), window, strict=True):
        array = scipy.ndimage.correlate1d(array, np.full(n, 1 / n), axis=axis, mode="nearest")
    return array


def repeat_blocks(array: npt.NDArray[Any], block: int, shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Show a coarse array on the fine grid, each cell repeated block × block times.

    Parameters
    ----------
    array : numpy.ndarray
        (..., rows, columns) on the coarse grid.
    block : int
        Cell size in fine pixels.
    shape : (int, int)
        Rows and columns of the fine grid; what sticks out is cut.

    Returns
    -------
    numpy.ndarray
        (..., *shape), same dtype.

    Examples
    --------
    >>> repeat_blocks(np.array([[2, 5]]), 2, (1, 3))
    array([[2, 2, 5]])
    """
    fine = array.repeat(block, axis=-2).repeat(block, axis=-1)
    return fine[..., : shape[0], : shape[1]]
