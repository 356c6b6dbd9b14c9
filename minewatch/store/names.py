"""Names along a dim, as of channels: stored as codes with their meanings, read as names again."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

__all__ = ["codes_as_names", "names_as_codes"]

MARK = "names"
"""Attribute of a coordinate whose codes stand for names."""


def names_as_codes(cube: xr.Dataset) -> xr.Dataset:
    """Number the names along dims, and keep them as flag meanings.

    Parameters
    ----------
    cube : xarray.Dataset
        What is to be stored.

    Returns
    -------
    xarray.Dataset
        Without text along dims, where the names are each one word and differ; others are left.

    Examples
    --------
    >>> cube = xr.Dataset(coords={"channel": ["vv", "vh"]})
    >>> names_as_codes(cube).channel.attrs["flag_meanings"]
    'vv vh'
    """
    found: dict[str, Any] = {}
    for dim in map(str, cube.dims):
        if dim in cube.indexes and cube[dim].dtype.kind in "OUT":
            names = cube[dim].values.tolist()
            words = all(isinstance(name, str) and len(name.split()) == 1 for name in names)
            if words and len(set(names)) == len(names) and names == " ".join(names).split():
                codes = list(range(len(names)))
                attrs = {"flag_values": codes, "flag_meanings": " ".join(names), MARK: 1}
                attrs = {**cube[dim].attrs, **attrs}
                found[dim] = xr.Variable(dim, np.array(codes, np.int32), attrs)
    return cube.assign_coords(found)


def codes_as_names(cube: xr.Dataset) -> xr.Dataset:
    """Turn codes that stand for names back into these.

    Parameters
    ----------
    cube : xarray.Dataset
        A store as it is.

    Returns
    -------
    xarray.Dataset
        As it was before :func:`names_as_codes`.

    Examples
    --------
    >>> cube = xr.Dataset(coords={"channel": ["vv", "vh"]})
    >>> codes_as_names(names_as_codes(cube)).channel.values.tolist()
    ['vv', 'vh']
    """
    found: dict[str, Any] = {}
    for dim in map(str, cube.dims):
        if dim in cube.indexes and cube[dim].attrs.get(MARK) == 1:
            names = np.array(str(cube[dim].attrs["flag_meanings"]).split())
            kept = {
                key: value
                for key, value in cube[dim].attrs.items()
                if key not in ("flag_values", "flag_meanings", MARK)
            }
            found[dim] = xr.Variable(dim, names[cube[dim].values], kept)
    return cube.assign_coords(found)
