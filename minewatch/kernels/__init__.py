"""The loops that must be fast: numba gufuncs on bare numpy or dask arrays.

Kernels know arrays, not names: no xarray, no files, no CRS. They are serial and release the GIL;
dask owns parallelism. Each one compiles at its first call and keeps its plain loop as ``.py_func``.
"""

from __future__ import annotations

from minewatch.kernels.activity import count_exceedances, ndai
from minewatch.kernels.composites import nanmedian, nanquantile
from minewatch.kernels.demodulation import demodulated_coherence, demodulated_complex_coherence
from minewatch.kernels.directional import refined_lee
from minewatch.kernels.forest import forest_proba
from minewatch.kernels.geomedian import geometric_median
from minewatch.kernels.insar import coherence, complex_coherence
from minewatch.kernels.level_pairs import cooccurrence
from minewatch.kernels.relief import local_incidence, relief_codes
from minewatch.kernels.sigma import sigma_filter, strong_targets
from minewatch.kernels.speckle import lee
from minewatch.kernels.texture import local_texture

__all__ = [
    "coherence",
    "complex_coherence",
    "cooccurrence",
    "count_exceedances",
    "demodulated_coherence",
    "demodulated_complex_coherence",
    "forest_proba",
    "geometric_median",
    "lee",
    "local_incidence",
    "local_texture",
    "nanmedian",
    "nanquantile",
    "ndai",
    "refined_lee",
    "relief_codes",
    "sigma_filter",
    "strong_targets",
]
