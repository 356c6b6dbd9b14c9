"""Interferometric coherence in a moving window (Touzi et al. 1999, doi:10.1109/36.739146)."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["coherence", "complex_coherence"]


@gufunc(
    ["(complex64[:,:],complex64[:,:],int64,int64,float64,complex64[:,:])"],
    "(y,x),(y,x),(),(),()->(y,x)",
)
def complex_coherence(s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, out: Any) -> None:
    """Normalised complex cross-correlation of two images in a moving window."""
    height, width = s1.shape
    need = max(2.0, np.ceil(min_valid * rows * cols))
    for i in range(height):
        for j in range(width):
            cross, power1, power2, count = 0j, 0.0, 0.0, 0
            for k in range(max(0, i - rows // 2), min(height, i + rows - rows // 2)):
                for m in range(max(0, j - cols // 2), min(width, j + cols - cols // 2)):
                    a, b = np.complex128(s1[k, m]), np.complex128(s2[k, m])
                    p = a.real * a.real + a.imag * a.imag
                    q = b.real * b.real + b.imag * b.imag
                    if np.isfinite(p) and np.isfinite(q) and p > 0 and q > 0:
                        cross += a * np.conj(b)
                        power1 += p
                        power2 += q
                        count += 1
            if rows * cols >= 2 and count >= need:
                out[i, j] = cross / (np.sqrt(power1) * np.sqrt(power2))
            else:
                out[i, j] = complex(np.nan, np.nan)


@gufunc(
    ["(complex64[:,:],complex64[:,:],int64,int64,float64,float32[:,:])"],
    "(y,x),(y,x),(),(),()->(y,x)",
)
def coherence(s1: Any, s2: Any, rows: Any, cols: Any, min_valid: Any, out: Any) -> None:
    """Interferometric coherence of two images in a moving window, 0 to 1."""
    height, width = s1.shape
    need = max(2.0, np.ceil(min_valid * rows * cols))
    for i in range(height):
        for j in range(width):
            cross, power1, power2, count = 0j, 0.0, 0.0, 0
            for k in range(max(0, i - rows // 2), min(height, i + rows - rows // 2)):
                for m in range(max(0, j - cols // 2), min(width, j + cols - cols // 2)):
                    a, b = np.complex128(s1[k, m]), np.complex128(s2[k, m])
                    p = a.real * a.real + a.imag * a.imag
                    q = b.real * b.real + b.imag * b.imag
                    if np.isfinite(p) and np.isfinite(q) and p > 0 and q > 0:
                        cross += a * np.conj(b)
                        power1 += p
                        power2 += q
                        count += 1
            if rows * cols >= 2 and count >= need:
                out[i, j] = min(1.0, abs(cross) / (np.sqrt(power1) * np.sqrt(power2)))
            else:
                out[i, j] = np.nan
