"""Read one window of one asset: the strict reader that stackstac is given.

It differs from stackstac's own in what it refuses: a missing or garbled file is an error that
names the item and the asset, not nodata; a remote address may only open as a raster format that
cannot point elsewhere; addresses are signed when they are opened, because a token is shorter-lived
than a graph; and stored numbers become physical values here, inside the task that reads them.
"""

from __future__ import annotations

import re
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import rasterio.errors
import stackstac.rio_reader
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from stackstac.rio_env import LayeredEnv

from minewatch.sources._documents import document
from minewatch.sources._warping import WARP_TOLERANCE, warp_scale
from minewatch.sources.collections import Conversion
from minewatch.sources.stac._calibration import parsed_calibration
from minewatch.sources.stac._doubling import Doubled, can_double
from minewatch.sources.stac._ground_range import GroundRange
from minewatch.sources.stac._shifting import Shifted, masked_by_nodata, whole_shift

if TYPE_CHECKING:
    import numpy.typing as npt

    from minewatch.sources.stac._stacking import Source

__all__ = ["gdal_environment", "StrictReader"]

PLANETARY_COMPUTER = "blob.core.windows.net"
"""Host of what has to be signed."""

CACHE = 256 * 2**20
"""Bytes of decoded tiles that GDAL keeps in a process."""

VAGUE = "See previous exception"
"""rasterio says so where the reason is in the error before."""

REMOTE_DRIVERS = ["GTiff", "JP2OpenJPEG"]
"""Formats a remote asset may have; a VRT, for one, could name files of this machine."""


def gdal_environment(*, timeout: float, max_retries: int) -> LayeredEnv:
    """GDAL's settings for reading over the network, with limits on waiting.

    Without time limits one stalled socket holds a task for ever.

    Parameters
    ----------
    timeout : float
        Seconds for a connection, and for an answer.
    max_retries : int
        How often GDAL repeats a request after 429, 5xx or a broken connection.

    Returns
    -------
    stackstac.rio_env.LayeredEnv
        For :func:`stackstac.stack`.
    """
    default = stackstac.rio_reader.DEFAULT_GDAL_ENV
    return default.updated(
        always={
            "GDAL_HTTP_TIMEOUT": timeout,
            "GDAL_HTTP_CONNECTTIMEOUT": timeout,
            "GDAL_HTTP_MAX_RETRY": max_retries,
            "GDAL_HTTP_RETRY_DELAY": 0.5,
            # a plain tile server answers a directory listing with HTML: never ask
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            # Decoded tiles: 5 % of a large machine is gigabytes. rasterio takes bytes, not MB.
            "GDAL_CACHEMAX": CACHE,
        }
    )


class StrictReader:
    """A reader as stackstac wants it, whose ``url`` is a :class:`Source`; see the module.

    Each thread opens the asset for itself: GDAL's datasets may not be shared.

    Parameters
    ----------
    url : Source
        Which asset, and what its numbers mean.
    spec : stackstac.raster_spec.RasterSpec
        The wanted grid.
    dtype : numpy.dtype
        Of the result.
    fill_value : number
        Where nothing is known.
    gdal_env : stackstac.rio_env.LayeredEnv, optional
        GDAL's settings.
    **_
        Resampling, scale and errors: decided by the source, not by stackstac.
    """

    def __init__(
        self,
        *,
        url: Source,
        spec: Any,
        dtype: np.dtype[Any],
        fill_value: Any,
        gdal_env: LayeredEnv | None = None,
        **_: Any,
    ) -> None:
        self.url, self.spec, self.dtype, self.fill_value = url, spec, dtype, fill_value
        self.gdal_env = gdal_env or stackstac.rio_reader.DEFAULT_GDAL_ENV
        self.lost = 0
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        names = ("url", "spec", "dtype", "fill_value", "gdal_env")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def close(self) -> None:
        """Forget what is open; the next read opens anew."""
        self._open_here = threading.local()

    @property
    def dataset(self) -> Any:
        """The dataset of the thread that asks, on the wanted grid."""
        if not hasattr(self._open_here, "dataset"):
            self._open_here.dataset = self._opened()
        return self._open_here.dataset

    def _opened(self) -> Any:
        source = self.url
        href = _signed(source, source.href)
        options: dict[str, Any] = {"driver": REMOTE_DRIVERS} if source.remote else {}
        with self.gdal_env.open:
            dataset = rasterio.DatasetReader(href, sharing=False, **options)
            if dataset.count != 1:
                message = f"it has {dataset.count} bands, an asset must have one"
                raise ValueError(message)
            if source.calibration:
                return self._calibrated(dataset, source)
            if dataset.crs is None:
                message = "it has no CRS"
                raise ValueError(message)
            return self._placed(dataset, source)

    def _calibrated(self, dataset: Any, source: Source) -> GroundRange:
        """A product in radar geometry, on the wanted grid."""
        settings = self.gdal_env.always.options
        content = document(
            _signed(source, source.calibration),
            timeout=float(settings.get("GDAL_HTTP_TIMEOUT", 60)),
            max_retries=int(settings.get("GDAL_HTTP_MAX_RETRY", 5)),
            what="calibration",
        )
        table = parsed_calibration(content)
        numbers = source.conversion or Conversion()
        return GroundRange(dataset, table, numbers, self.spec, source.resampling)

    def _placed(self, dataset: Any, source: Source) -> Any:
        """The dataset on the wanted grid: shifted, if only by nothing, doubled or warped."""
        nodata = dataset.nodata
        if nodata is None and source.conversion is not None:
            nodata = source.conversion.nodata
        if dataset.crs.to_epsg() == self.spec.epsg and not masked_by_nodata(dataset, nodata):
            shift = whole_shift(dataset.transform, self.spec.transform)
            if shift is not None:
                return Shifted(dataset, shift)
            shift = whole_shift(dataset.transform, self.spec.transform, across=2)
            if shift is not None and can_double(dataset, nodata, source.resampling):
                return Doubled(dataset, shift, source.resampling)
        return self._warped(dataset, source, nodata)

    def _warped(self, dataset: Any, source: Source, nodata: float | None) -> WarpedVRT:
        height, width = self.spec.shape
        scale = warp_scale(dataset, str(self.spec.epsg), self.spec.transform, (height, width))
        with self.gdal_env.open_vrt:
            return WarpedVRT(
                dataset,
                sharing=False,
                resampling=Resampling[source.resampling],
                tolerance=WARP_TOLERANCE,
                src_nodata=nodata,
                nodata=nodata,
                # Without a nodata value, an alpha band tells what lies outside.
                add_alpha=nodata is None,
                # Interpolated numbers are not rounded back to integers.
                dtype=None if source.conversion is None else "float32",
                **self.spec.vrt_params,
                **scale,
            )

    def read(self, window: Any, **options: Any) -> npt.NDArray[Any]:
        """Physical values of one window, `fill_value` where nothing is known.

        Parameters
        ----------
        window : rasterio.windows.Window
            On the wanted grid.
        **options
            For :meth:`rasterio.DatasetReader.read`.

        Returns
        -------
        numpy.ndarray
            Dims (y, x), the reader's dtype.

        Raises
        ------
        RuntimeError
            If the asset cannot be opened or read; a remote one is tried twice.
        """
        source = self.url
        try:
            try:
                return self._values(window, options)
            except (rasterio.errors.RasterioError, OSError):
                if not source.remote:
                    raise
                # Once more, freshly signed and past GDAL's memory of the first failure.
                self.close()
                with rasterio.Env(CPL_VSIL_CURL_NON_CACHED=f"/vsicurl/{source.href}"):
                    return self._values(window, options)
        except Exception as error:
            self.close()
            if source.missing == "raise":
                message = f"cannot read {source}: {_reason(error)}; {_way_out(source)}"
                raise RuntimeError(message) from error
            self.lost += 1
            message = f"{source} is NaN in {self.lost} window(s): {_reason(error)}"
            warnings.warn(message, UserWarning, stacklevel=2)
            return np.full((int(window.height), int(window.width)), self.fill_value, self.dtype)

    def _values(self, window: Any, options: dict[str, Any]) -> npt.NDArray[Any]:
        dataset = self.dataset
        with self.gdal_env.read:
            if isinstance(dataset, GroundRange):
                return dataset.read(window).astype(self.dtype, copy=False)
            stored = dataset.read(window=window, masked=True, **options)
        return self._physical(stored)

    def _physical(self, stored: Any) -> npt.NDArray[Any]:
        mask = np.ma.getmaskarray(stored)[0]
        if stored.shape[0] == 2:  # the alpha band of a file without nodata
            mask = mask | (stored.data[1] == 0)
        numbers = stored.data[0]
        conversion = self.url.conversion
        values: npt.NDArray[Any]
        if conversion is None:
            values = numbers.astype(self.dtype)
        else:
            values = conversion.apply(numbers, self.dtype.name)
        values[mask] = self.fill_value
        return values


def _signed(source: Source, href: str) -> str:
    return href if source.sign is None else source.sign(href)


def _way_out(source: Source) -> str:
    if source.sign is None and f"{PLANETARY_COMPUTER}/" in source.href:
        return "the Planetary Computer wants a signature: load(..., sign='planetary-computer')"
    return "drop the item, or pass load(..., missing='nan') to have NaN there"


def _reason(error: BaseException) -> str:
    """What went wrong first: rasterio's own errors point at what GDAL said before them."""
    cause: BaseException | None = error
    said = ""
    while cause is not None:
        said = " ".join(str(cause).split()) or said
        ours = type(cause) in (ValueError, OSError)  # of files beside the image, in plain words
        if (ours or cause.__cause__ is None) and VAGUE not in said:
            break
        cause = cause.__cause__ or cause.__context__
    if "/vsicurl/" in said and "not recognized" in said:
        said = f"{said.rstrip('.')}: no image was sent, but a page, or nothing in time"
    if re.search(r"got \d+ bytes, expected \d+", said):  # GDAL keeps the status to itself
        said = f"{said}: a part of the file was refused, or broke off, or is not there"
    return re.sub(r"\?[^\s'\"]+", "?…", said) or repr(error)  # a query may hold a token
