"""Lee's adaptive speckle filter in a moving window."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["lee"]


@gufunc(["(float32[:,:],int64,int64,float64,int64,float32[:,:])"], "(y,x),(),(),(),()->(y,x)")
def lee(power: Any, rows: Any, cols: Any, looks: Any, variant: Any, out: Any) -> None:
    """Lee filter of linear power; variant 0 mmse, 1 snap, 2 lee1980."""
    height, width = power.shape
    for i in range(height):
        for j in range(width):
            total, count = 0.0, 0
            for k in range(max(0, i - rows // 2), min(height, i + rows - rows // 2)):
                for m in range(max(0, j - cols // 2), min(width, j + cols - cols // 2)):
                    if np.isfinite(power[k, m]):
                        total += power[k, m]
                        count += 1
            bad = rows < 1 or cols < 1 or not looks > 0 or variant < 0 or variant > 2
            if bad or count < 2 or 2 * count < rows * cols or not np.isfinite(power[i, j]):
                out[i, j] = np.nan
                continue
            mean = total / count
            spread = 0.0
            for k in range(max(0, i - rows // 2), min(height, i + rows - rows // 2)):
                for m in range(max(0, j - cols // 2), min(width, j + cols - cols // 2)):
                    if np.isfinite(power[k, m]):
                        spread += (power[k, m] - mean) ** 2
            variance = spread / (count - 1)
            if mean <= 0 or variance <= 0:
                out[i, j] = mean
                continue
            noise = 1 / looks
            excess = variance - mean * mean * noise
            if variant == 0:
                weight = excess / (variance * (1 + noise))
            elif variant == 1:
                weight = excess / variance
            else:
                weight = excess / (variance + mean * mean * noise * noise)
            out[i, j] = mean + min(1.0, max(0.0, weight)) * (power[i, j] - mean)
