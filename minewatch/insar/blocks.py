"""Blocks of pixels: averages of coherence, and where the centre of a block lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from minewatch.conventions import SPATIAL_REF, conform, require
from minewatch.insar.provenance import carried
from minewatch.insar.statistics import COHERENCE

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["block_coords", "coarsen_mean"]


def coarsen_mean(
    coherence: xr.DataArray, *, factor: tuple[int, int], min_valid: float = 0.5
) -> xr.DataArray:
    """Mean coherence of blocks of pixels: the spread falls, the bias stays.

    This is multilooking after estimation, as Kavats et al. (2025) do it: the mean of estimates
    has the expectation of each. To lower the bias as well, enlarge the window of the estimate
    itself (:func:`coherence` with ``mode="multilook"``).

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (..., y, x).
    factor : (int, int)
        Rows and columns of a block; blocks that the image does not fill are dropped.
    min_valid : float
        Share of the block that must be finite, else NaN.

    Returns
    -------
    xarray.DataArray
        ``coherence`` on the coarser grid, float32, lazy if the input is; y, x and other
        coordinates are those of the block centres.

    Raises
    ------
    ValueError
        If no whole block fits.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import numpy as np
    >>> gamma = xr.DataArray(
    ...     [[0.8, 0.6], [0.4, np.nan]],
    ...     dims=("y", "x"),
    ...     coords={"y": [15.0, 5.0], "x": [5.0, 15.0]},
    ... )
    >>> coarse = coarsen_mean(gamma, factor=(2, 2))
    >>> coarse.values, coarse.x.values, coarse.y.values
    (array([[0.6]], dtype=float32), array([10.]), array([10.]))
    """
    require(coherence, ..., "y", "x", dtype="floating", by="coarsen_mean")
    rows, columns = factor
    if min(factor) < 1 or rows > coherence.sizes["y"] or columns > coherence.sizes["x"]:
        message = (
            f"coarsen_mean finds no whole block of factor={factor} in an image of "
            f"{coherence.sizes['y']}×{coherence.sizes['x']}; use a smaller factor"
        )
        raise ValueError(message)
    bare = coherence.drop_vars(coherence.coords)
    size = {"y": rows, "x": columns}
    valid = bare.notnull().coarsen(size, boundary="trim").sum()
    need = min_valid * rows * columns - 1e-9  # a third of nine is three, in binary too
    mean = bare.coarsen(size, boundary="trim").mean().where(valid >= need)
    mean = mean.assign_coords(block_coords(coherence, factor))
    return conform(mean, COHERENCE, **{**carried(coherence), "factor": factor})


def block_coords(image: xr.DataArray, factor: tuple[int, int]) -> dict[Hashable, xr.DataArray]:
    """Coordinates of the centres of whole blocks; those without y and x stay as they are.

    Parameters
    ----------
    image : xarray.DataArray
        Layer on the fine grid.
    factor : (int, int)
        Rows and columns of a block.

    Returns
    -------
    dict
        Coordinates on the coarse grid. The CRS stays, an affine transform of the fine grid that
        was stored beside it goes.

    Examples
    --------
    >>> import numpy as np
    >>> row = xr.DataArray(np.zeros((1, 5)), dims=("y", "x"), coords={"x": [0.0, 1, 2, 3, 4]})
    >>> block_coords(row, (1, 2))["x"].values
    array([0.5, 2.5])
    """
    size = {"y": factor[0], "x": factor[1]}
    found: dict[Hashable, xr.DataArray] = {}
    for name, coordinate in image.coords.items():
        here = {dim: size[str(dim)] for dim in coordinate.dims if dim in size}
        if not here:
            kept = coordinate.drop_vars([other for other in coordinate.coords if other != name])
            if name == SPATIAL_REF:
                kept = kept.copy()
                kept.attrs = {k: v for k, v in kept.attrs.items() if k != "GeoTransform"}
            found[name] = kept
        elif coordinate.dtype.kind in "fiu":
            plain = xr.DataArray(coordinate.variable.to_base_variable())
            found[name] = plain.coarsen(here, boundary="trim").mean().assign_attrs(coordinate.attrs)
    return found
