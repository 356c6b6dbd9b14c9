"""OPERA CSLC-S1 and NISAR GSLC files: geocoded bursts and frames in HDF5.

References
----------
NASA/JPL (2023), OPERA CSLC-S1 product specification, JPL D-108278; NISAR GSLC product
specification, JPL D-102269.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._files import dates_in
from minewatch.sources._windows import Reading
from minewatch.sources.slc._acquisitions import (
    POLARIZATIONS,
    Acquisition,
    Orbit,
    Place,
    one_polarization,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

__all__ = ["read"]


@dataclass(frozen=True)
class Layout:
    """Where a product keeps things.

    Parameters
    ----------
    images, x, y, projection : str
        Group of the images, and names in it.
    times, bursts : tuple of str
        Paths of the start time and of the burst or frame.
    orbit : str
        Group of the state vectors.
    """

    images: str
    x: str
    y: str
    projection: str
    times: tuple[str, ...]
    bursts: tuple[str, ...]
    orbit: str


LAYOUTS = (
    Layout(
        images="data",
        x="x_coordinates",
        y="y_coordinates",
        projection="projection",
        times=(
            "identification/zero_doppler_start_time",
            "metadata/processing_information/input_burst_metadata/sensing_start",
        ),
        bursts=("identification/burst_id",),
        orbit="metadata/orbit",
    ),
    Layout(
        images="science/LSAR/GSLC/grids/frequencyA",
        x="xCoordinates",
        y="yCoordinates",
        projection="projection",
        times=("science/LSAR/identification/zeroDopplerStartTime",),
        bursts=(
            "science/LSAR/identification/trackNumber",
            "science/LSAR/identification/frameNumber",
        ),
        orbit="science/LSAR/GSLC/metadata/orbit",
    ),
)


def _h5py() -> ModuleType:
    try:
        import h5py
    except ImportError as error:
        message = "reading HDF5 needs h5py: pip install 'minewatch[sar]'"
        raise ImportError(message) from error
    module: ModuleType = h5py
    return module


def read(path: Path, *, polarization: str | None, chunk: int) -> list[Acquisition]:
    """The image of one file.

    Parameters
    ----------
    path : pathlib.Path
        ``.h5``.
    polarization : str, optional
        Needed where the file holds several.
    chunk : int
        About the size of a chunk.

    Returns
    -------
    list of Acquisition
        One.

    Raises
    ------
    ValueError
        If the file has another layout.
    """
    try:
        file = _h5py().File(path, "r")
    except OSError as error:
        message = f"{path} is no HDF5 file that can be opened: {error}"
        raise ValueError(message) from error
    with file:
        layout = next((kind for kind in LAYOUTS if kind.images in file), None)
        if layout is None:
            message = (
                f"{path.name} is neither OPERA CSLC (/data) nor NISAR GSLC "
                f"(/science/LSAR/GSLC); it holds {sorted(file)}"
            )
            raise ValueError(message)
        group = file[layout.images]
        have = [name for name in POLARIZATIONS if name in group]
        name = one_polarization(have, polarization, name=path.name)
        image = group[name]
        dataset = f"{layout.images}/{name}"
        stat = path.stat()
        reading = Reading(_window, (str(path), dataset), image.shape, "complex64")
        return [
            Acquisition(
                name=path.name,
                time=_time(file, layout, path.name),
                polarization=name,
                place=Place(image.shape, _grid(group, layout, path.name)),
                pixels=reading.lazy(
                    (stat.st_size, stat.st_mtime_ns), chunk=chunk, native=image.chunks
                ),
                burst=" ".join(_text(file[key]) for key in layout.bursts if key in file),
                orbit=_orbit(file, layout),
            )
        ]


def _window(path: str, dataset: str, key: tuple[slice, slice]) -> npt.NDArray[Any]:
    with _h5py().File(path, "r") as file:
        stored = file[dataset][key]
    if stored.dtype.names:  # half-precision complex, which numpy does not have
        real, imaginary = (stored[part].astype("float32") for part in stored.dtype.names)
        return np.asarray(real + 1j * imaginary)
    return np.asarray(stored)


def _text(dataset: Any) -> str:
    value = dataset[()]
    return value.decode() if isinstance(value, bytes) else str(value)


def _time(file: Any, layout: Layout, name: str) -> np.datetime64:
    """Start of the acquisition; from the file name where the file does not say."""
    for key in layout.times:
        if key in file:
            text = _text(file[key]).strip().rstrip("Z").replace(" ", "T")
            return np.datetime64(text, "ns")
    dates = dates_in(name)
    if not dates:
        message = f"{name} says nowhere when it was acquired; put YYYYMMDD into its name"
        raise ValueError(message)
    return dates[0]


def _grid(group: Any, layout: Layout, name: str) -> GeoBox:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    x, y = (np.asarray(group[key][()], "float64") for key in (layout.x, layout.y))
    step_x, step_y = (float(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (x, y))
    if step_y > 0:
        message = f"{name} has y ascending; turn it north up"
        raise ValueError(message)
    transform = Affine(step_x, 0, x[0] - step_x / 2, 0, step_y, y[0] - step_y / 2)
    projection = group[layout.projection]
    code = projection.attrs.get("epsg_code", projection[()])
    return GeoBox((len(y), len(x)), transform, f"EPSG:{int(code)}")


def _orbit(file: Any, layout: Layout) -> Orbit | None:
    """State vectors, as three datasets (OPERA) or one of three columns (NISAR)."""
    if layout.orbit not in file:
        return None
    group = file[layout.orbit]
    vectors = []
    for kind in ("position", "velocity"):
        if kind in group:
            vectors.append(np.asarray(group[kind][()], "float64"))
        elif all(f"{kind}_{axis}" in group for axis in "xyz"):
            columns = [np.asarray(group[f"{kind}_{axis}"][()], "float64") for axis in "xyz"]
            vectors.append(np.stack(columns, axis=-1))
    if len(vectors) < 2 or "time" not in group:
        return None
    return Orbit(np.asarray(group["time"][()], "float64"), *vectors)
