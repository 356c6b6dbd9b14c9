"""Does coherence still depend on the baseline? If so, the longest pairs should go."""

from __future__ import annotations

import numpy as np
import scipy
import xarray as xr

from minewatch.insar.identity import label_values

__all__ = ["baseline_regression"]

MEANINGS = {
    "slope": ("change of stable coherence with perpendicular baseline", "m-1"),
    "intercept": ("stable coherence at no baseline", "1"),
    "r": ("Pearson correlation", "1"),
    "r_lower": ("lower end of the interval of the correlation", "1"),
    "r_upper": ("upper end of the interval of the correlation", "1"),
    "p": ("two-sided p-value of no correlation", "1"),
    "n": ("pairs with baseline and stable coherence", "1"),
}


def baseline_regression(
    ledger: xr.Dataset, *, variable: str = "stable_mean", confidence: float = 0.95
) -> xr.Dataset:
    r"""Least-squares line of stable coherence over the length of the perpendicular baseline.

    .. math:: t = r \sqrt{\frac{n - 2}{1 - r^2}}, \qquad
              \mathrm{CI}(r) = \tanh\left(\operatorname{artanh} r \pm
              \frac{z}{\sqrt{n - 3}}\right)

    Parameters
    ----------
    ledger : xarray.Dataset
        From :func:`screen_pairs`, with ``perpendicular_baseline`` (m). All pairs count, dropped
        ones too; for the kept ones pass ``ledger.isel(pair=ledger.keep.values)``.
    variable : str
        What to regress, e.g. the mean NDAI of stable pixels, once it was added to the ledger:
        ``ledger.assign(stable_ndai=site_ndai(coherence, ledger.stable_mean, stable,
        target="pixel"))``. It should not depend on the baseline, which cancels in it.
    confidence : float
        Level of Fisher's interval of the correlation.

    Returns
    -------
    xarray.Dataset
        Scalars ``slope`` (per metre), ``intercept``, ``r``, ``r_lower``, ``r_upper``, ``p``
        (two-sided) and ``n``. NaN where they are not defined: fewer than 3 pairs (4 for the
        interval) or no variation.

    Raises
    ------
    KeyError
        If the ledger has no baselines or no such variable.

    See Also
    --------
    site_ndai : the index of the stable pixels, pair by pair.

    References
    ----------
    Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, Fig. 6; Fisher (1921) for the interval.

    Examples
    --------
    >>> ledger = xr.Dataset(
    ...     {"stable_mean": ("pair", [0.90, 0.88, 0.88, 0.84])},
    ...     coords={"perpendicular_baseline": ("pair", [0.0, -50.0, 100.0, 150.0])},
    ... )
    >>> line = baseline_regression(ledger)
    >>> round(float(line.intercept), 3), round(float(line.r), 2)
    (0.902, -0.92)
    """
    for name in ("perpendicular_baseline", variable):
        if name not in ledger:
            message = (
                f"baseline_regression needs {name!r} along pair, the ledger has "
                f"{sorted(map(str, ledger.variables))}; use ledger.assign_coords or ledger.assign"
            )
            raise KeyError(message)
    x = abs(np.asarray(label_values(ledger["perpendicular_baseline"]), "float64"))
    y = np.asarray(label_values(ledger[variable]), "float64")
    there = np.isfinite(x) & np.isfinite(y)
    x, y, n = x[there], y[there], int(there.sum())
    slope = intercept = r = p = lower = upper = np.nan
    if n >= 3 and np.ptp(x) > 0 and np.ptp(y) > 0:
        line = scipy.stats.linregress(x, y)
        slope, intercept, r, p = line.slope, line.intercept, line.rvalue, line.pvalue
        if n > 3 and abs(r) < 1:
            reach = scipy.stats.norm.ppf((1 + confidence) / 2) / np.sqrt(n - 3)
            lower, upper = np.tanh(np.arctanh(r) + np.array([-reach, reach]))
    values = {
        "slope": slope,
        "intercept": intercept,
        "r": r,
        "r_lower": lower,
        "r_upper": upper,
        "p": p,
        "n": n,
    }
    return xr.Dataset(
        {
            name: ((), value, dict(zip(("long_name", "units"), MEANINGS[name], strict=True)))
            for name, value in values.items()
        },
        attrs={"long_name": f"{variable} over perpendicular baseline", "confidence": confidence},
    )
