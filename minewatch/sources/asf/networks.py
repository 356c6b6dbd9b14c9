"""Which scenes are compared with which: the network of pairs to order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.insar.pairs import select_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["pair_list"]

QUARTER_DAY = np.timedelta64(6, "h")
"""Passes repeat to a few seconds: times are compared after rounding to this from the first one."""

PHASE = ("BURST", "SLC", "CSLC")
"""Products that hold phase, hence can be paired."""


def pair_list(
    scenes: pd.DataFrame,
    *,
    max_temporal_baseline: float | None = None,
    max_perpendicular_baseline: float | None = 250.0,
    n_next: int | None = 1,
    months: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Which scenes to compare: the pairs of each stack.

    The rules are those of :func:`minewatch.insar.select_pairs`, applied to each stack (burst, or
    path and frame, and polarization) by itself. Passes repeat to a few seconds, which do not count
    against `max_temporal_baseline`.

    Parameters
    ----------
    scenes : pandas.DataFrame
        From :func:`read_scenes`. Products without phase (RTC, static layers) are left out.
    max_temporal_baseline : float, optional
        Longest time between two scenes, days.
    max_perpendicular_baseline : float, optional
        Longest perpendicular baseline, m; unknown ones are kept, with a warning.
    n_next : int, optional
        With how many later scenes each one is paired; None for all within the limits.
    months : iterable of int, optional
        Keep pairs whose secondary scene is of these months.

    Returns
    -------
    pandas.DataFrame
        One row a pair: ``stack``, ``product``, ``path``, ``polarization``, ``reference`` and
        ``secondary`` (names), ``reference_time``, ``secondary_time``, ``temporal_baseline``
        (days) and ``perpendicular_baseline`` (m, secondary minus reference).

    Raises
    ------
    ValueError
        If no stack has a pair within the limits.

    See Also
    --------
    hyp3_jobs : have their coherence made.

    Examples
    --------
    >>> import pandas as pd
    >>> scenes = pd.DataFrame(
    ...     {
    ...         "name": ["a", "b", "c"],
    ...         "product": "BURST",
    ...         "stack": "174_372326_IW3 VV",
    ...         "path": 174,
    ...         "polarization": "VV",
    ...         "start_time": pd.to_datetime(["2018-08-15", "2018-08-27", "2018-09-08"]),
    ...         "perpendicular_baseline": [0.0, 80.0, 30.0],
    ...     }
    ... )
    >>> pair_list(scenes)[["reference", "secondary", "perpendicular_baseline"]]
      reference secondary  perpendicular_baseline
    0         a         b                    80.0
    1         b         c                   -50.0
    """
    import pandas as pd

    parts, problem = [], None
    usable = scenes["product"].isin(PHASE) & scenes["start_time"].notna()
    for _, group in scenes[usable].groupby("stack"):
        stack = group.sort_values("start_time", ignore_index=True)
        if len(stack) < 2:
            continue
        times = stack["start_time"].to_numpy("datetime64[ns]")
        rounded = times[0] + np.round((times - times[0]) / QUARTER_DAY).astype(int) * QUARTER_DAY
        metres = stack["perpendicular_baseline"].to_numpy("float64")
        labels = xr.DataArray(
            np.empty((len(stack), 1, 1), bool),
            dims=("time", "y", "x"),
            coords={"time": rounded, "perpendicular_baseline": ("time", metres)},
        )
        try:
            table = select_pairs(
                labels,
                max_temporal_baseline=max_temporal_baseline,
                max_perpendicular_baseline=max_perpendicular_baseline,
                n_next=n_next,
                months=months,
            )
        except ValueError as error:
            problem = problem or error
            continue
        first, second = (
            np.searchsorted(rounded, table[name].values)
            for name in ("reference_time", "secondary_time")
        )
        parts.append(_rows(stack, first, second))
    if not parts:
        message = f"pair_list finds no pair among {scenes['stack'].nunique()} stacks"
        if problem is None:
            message += "; give at least two scenes of one burst or frame, with phase"
            raise ValueError(message)
        message += f": {problem}"
        raise ValueError(message) from problem
    return pd.concat(parts, ignore_index=True)


def _rows(stack: pd.DataFrame, first: Any, second: Any) -> pd.DataFrame:
    import pandas as pd

    one, other = stack.iloc[first].reset_index(), stack.iloc[second].reset_index()
    return pd.DataFrame(
        {
            **{key: one[key] for key in ("stack", "product", "path", "polarization")},
            "reference": one["name"],
            "secondary": other["name"],
            "reference_time": one["start_time"],
            "secondary_time": other["start_time"],
            "temporal_baseline": (other["start_time"] - one["start_time"]) / pd.Timedelta(days=1),
            "perpendicular_baseline": other["perpendicular_baseline"]
            - one["perpendicular_baseline"],
        }
    )
