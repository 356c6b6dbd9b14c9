"""How much the backscatter of a place varies from date to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch import radar
from minewatch.conventions import Layer, conform, require

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["temporal_spread"]


def temporal_spread(power: xr.Dataset, *, min_count: int = 2) -> xr.Dataset:
    r"""Standard deviation of backscatter over time, in decibels.

    .. math:: s = \sqrt{\frac{1}{n}\sum_t (d_t - \bar d)^2}, \qquad d_t = 10 \log_{10} p_t

    Forest hardly changes, water ruffles with the wind, fields are ploughed and pits are dug. What
    is left of the speckle is in it too: filter the images first.

    Parameters
    ----------
    power : xarray.Dataset
        Backscatter, a variable for each polarisation, dims (time, y, x), linear power, units "1".
    min_count : int
        Fewest dates of a pixel, 2 or more; those without power do not count.

    Returns
    -------
    xarray.Dataset
        The same variables, float32, dB, dims (y, x), lazy if `power` is; NaN where there are
        fewer dates.

    Raises
    ------
    ValueError
        If dims are others, units say dB, or `min_count` is below 2.

    See Also
    --------
    minewatch.composites.composite : the mean over time.

    Examples
    --------
    >>> import xarray as xr
    >>> series = xr.Dataset({"vv": (("time", "y", "x"), [[[0.1]], [[0.01]]])})
    >>> temporal_spread(series).vv.values
    array([[5.]], dtype=float32)
    """
    if min_count < 2:
        message = f"temporal_spread needs min_count of 2 dates or more, got {min_count}; use 2"
        raise ValueError(message)
    layers = {}
    for name, layer in power.data_vars.items():
        require(layer, "time", "y", "x", by="temporal_spread", dtype="floating")
        # Two passes of float64: the differences are small beside the decibels.
        decibels = radar.to_db(layer).astype("float64")
        seen = decibels.notnull().sum("time")
        dates = seen.where(seen >= min_count)
        mean = decibels.sum("time") / dates
        spread = (((decibels - mean) ** 2).sum("time") / dates) ** 0.5
        kind = Layer(str(name), f"standard deviation of {name} over time", units="dB")
        layers[str(name)] = conform(spread, kind, min_count=min_count)
    return power[[]].drop_vars("time", errors="ignore").assign(layers)
