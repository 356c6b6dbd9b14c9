"""Read one window of one asset: the strict reader that stackstac is given.

It differs from stackstac's own in what it refuses: a missing or garbled file is an error that
names the item and the asset, not nodata; a remote address may only open as a raster format that
cannot point elsewhere; addresses are signed when they are opened, because a token is shorter-lived
than a graph; and stored numbers become physical values here, inside the task that reads them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import stackstac.rio_reader
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from stackstac.rio_env import LayeredEnv

if TYPE_CHECKING:
    import numpy.typing as npt

    from minewatch.sources.stac.stacking import Source

__all__ = ["gdal_environment", "StrictReader"]

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
        }
    )


class StrictReader(stackstac.rio_reader.AutoParallelRioReader):  # type: ignore[misc]
    """A stackstac reader whose ``url`` is a :class:`Source`; see the module.

    ``lost`` counts the windows that could not be read and were given as unknown.
    """

    lost = 0

    def _open(self) -> Any:
        source: Source = self.url
        href = source.href if source.sign is None else source.sign(source.href)
        options: dict[str, Any] = {"driver": REMOTE_DRIVERS} if source.remote else {}
        with self.gdal_env.open:
            dataset = stackstac.rio_reader.SelfCleaningDatasetReader(href, sharing=False, **options)
            if dataset.count != 1:
                message = f"it has {dataset.count} bands, an asset must have one"
                raise ValueError(message)
            if dataset.crs is None:
                message = "it has no CRS"
                raise ValueError(message)
            vrt = self._warped(dataset, source)
        if dataset.driver in stackstac.rio_reader.MULTITHREADED_DRIVER_ALLOWLIST:
            return stackstac.rio_reader.ThreadLocalRioDataset(self.gdal_env, dataset, vrt=vrt)
        return stackstac.rio_reader.SingleThreadedRioDataset(self.gdal_env, dataset, vrt=vrt)

    def _warped(self, dataset: Any, source: Source) -> WarpedVRT | None:
        """The dataset on the wanted grid; None where it is on it already."""
        grid = self.spec.vrt_params
        if grid == {
            "crs": dataset.crs.to_epsg(),
            "transform": dataset.transform,
            "height": dataset.height,
            "width": dataset.width,
        }:
            return None
        nodata = dataset.nodata
        if nodata is None and source.conversion is not None:
            nodata = source.conversion.nodata
        with self.gdal_env.open_vrt:
            return WarpedVRT(
                dataset,
                sharing=False,
                resampling=Resampling[source.resampling],
                src_nodata=nodata,
                nodata=nodata,
                # Without a nodata value, an alpha band tells what lies outside.
                add_alpha=nodata is None,
                # Interpolated numbers are not rounded back to integers.
                dtype=None if source.conversion is None else "float32",
                **grid,
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
            If the asset cannot be opened or read, twice.
        """
        source: Source = self.url
        try:
            try:
                stored = self.dataset.read(window=window, masked=True, **options)
            except Exception:
                # Once more, freshly signed and past GDAL's memory of the first failure.
                self.close()
                with rasterio.Env(CPL_VSIL_CURL_NON_CACHED=f"/vsicurl/{source.href}"):
                    stored = self.dataset.read(window=window, masked=True, **options)
        except Exception as error:
            self.close()
            if source.missing == "raise":
                message = (
                    f"cannot read {source}: {_reason(error)}; "
                    "drop the item, or pass load(..., missing='nan') to have NaN there"
                )
                raise RuntimeError(message) from error
            self.lost += 1
            message = f"{source} is NaN in {self.lost} window(s): {_reason(error)}"
            warnings.warn(message, UserWarning, stacklevel=2)
            return np.full((int(window.height), int(window.width)), self.fill_value, self.dtype)
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
            values = conversion.apply(numbers, self.dtype)
        values[mask] = self.fill_value
        return values


def _reason(error: Exception) -> str:
    causes = [error, *filter(None, (error.__cause__, error.__context__))]
    return next((text for text in (str(cause).strip() for cause in causes) if text), repr(error))
