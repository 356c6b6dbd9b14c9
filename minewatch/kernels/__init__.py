"""The loops that must be fast: numba gufuncs on bare numpy or dask arrays.

Kernels know arrays, not names: no xarray, no files, no CRS. They are serial and release the GIL;
dask owns parallelism. Each one compiles at its first call and keeps its plain loop as ``.py_func``.
"""
