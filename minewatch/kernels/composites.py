"""Order statistics of each pixel's series."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["nanmedian"]


@gufunc(["(float32[:],float32[:])"], "(n)->()")
def nanmedian(series: Any, out: Any) -> None:
    """Median of the values that are not NaN; NaN where there are none."""
    values = np.sort(series)  # NaN sorts last
    count = 0
    for value in values:
        if not np.isnan(value):
            count += 1
    if count == 0:
        out[0] = np.nan
    elif count % 2:
        out[0] = values[count // 2]
    else:
        low, high = values[count // 2 - 1], values[count // 2]
        out[0] = low + (high - low) / 2
