"""How much change two maps show where nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["false_change_rate"]

TOLERANCE = 1e-3
"""How far shares may be from adding up to 1."""


def false_change_rate(
    before: xr.DataArray | npt.ArrayLike,
    after: xr.DataArray | npt.ArrayLike,
    priors: xr.DataArray | npt.ArrayLike,
) -> float:
    r"""Share of unchanged ground on which two maps of likeliest classes differ.

    .. math:: 1 - \sum_k \pi_k \sum_j A_{kj} B_{kj}

    Each map errs by itself, given the true class. Errors that both maps share, e.g. on the same
    slope, make them agree more often than that.

    Parameters
    ----------
    before, after : xarray.DataArray or array
        How often each map calls true class k class j: shares, rows (k) add up to 1. A table of
        :func:`minewatch.metrics.confusion`, divided by its sum over ``predicted``, is one.
    priors : xarray.DataArray or array
        Share of the ground of each class, adding up to 1.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        If tables are not square, of different classes, or shares do not add up to 1.

    See Also
    --------
    class_change : change of each pixel.

    Examples
    --------
    >>> optical = [[0.90, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]]
    >>> radar = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]
    >>> round(false_change_rate(optical, radar, [0.5, 0.3, 0.2]), 3)
    0.34
    """
    (one, codes), (other, others) = _rows(before, "before"), _rows(after, "after")
    shares = np.asarray(priors, np.float64)
    if one.shape != other.shape or shares.shape != one.shape[:1] or codes != others:
        message = (
            "false_change_rate needs two tables of the same classes and a prior for each, got "
            f"{one.shape} of {codes}, {other.shape} of {others} and priors {shares.shape}"
        )
        raise ValueError(message)
    _require_shares(shares, "priors", "use counts / counts.sum()")
    return float(1 - shares @ (one * other).sum(axis=1))


def _rows(table: xr.DataArray | npt.ArrayLike, name: str) -> tuple[npt.NDArray[np.float64], object]:
    """A table of shares, true classes down, and its classes."""
    codes: object = None
    if isinstance(table, xr.DataArray) and {"reference", "predicted"} == set(table.dims):
        table = table.transpose("reference", "predicted")
        if "reference" in table.coords:
            codes = table["reference"].values.tolist()
    rows = np.asarray(table, np.float64)
    if rows.ndim != 2 or rows.shape[0] != rows.shape[1]:
        message = (
            f"false_change_rate needs square tables, true classes down, got {name} of shape "
            f"{rows.shape}; use minewatch.metrics.confusion"
        )
        raise ValueError(message)
    _require_shares(rows, name, "use table / table.sum('predicted')")
    return rows, list(range(len(rows))) if codes is None else codes


def _require_shares(shares: npt.NDArray[np.float64], name: str, fix: str) -> None:
    total = shares.sum(axis=-1)
    fits = np.abs(total - 1) <= TOLERANCE * (1 + 1e-9)
    if not (fits.all() and (shares >= 0).all()):
        message = (
            f"false_change_rate needs shares from 0 to 1 that add up to 1 along each row, got "
            f"{name} with {np.atleast_1d(total).round(4).tolist()}; {fix}"
        )
        raise ValueError(message)
