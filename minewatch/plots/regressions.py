"""Does coherence of stable ground still depend on the baseline? The points, the line, how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.plots.paper import ABOVE, ACCENT, INK, MAIN, label, sheet, tidy

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["regression_figure"]


def regression_figure(
    ledger: xr.Dataset,
    regression: xr.Dataset,
    *,
    of: str = "stable_mean",
    title: str | None = None,
) -> Figure:
    r"""Draw stable coherence over the length of the baseline, with the line through it.

    The band is where the line lies at the confidence of the regression,

    .. math:: \hat y \pm t_{n-2} \, s \sqrt{\frac{1}{n} + \frac{(x - \bar x)^2}{S_{xx}}}, \qquad
              s^2 = \frac{b^2 S_{xx} (1 - r^2)}{r^2 (n - 2)}

    Parameters
    ----------
    ledger : xarray.Dataset
        All pairs, from :func:`minewatch.activity.screen_pairs`, with ``perpendicular_baseline``.
    regression : xarray.Dataset
        From :func:`minewatch.activity.baseline_regression`, of all pairs of this ledger or of the
        kept ones; its ``n`` says which.
    of : str
        Variable of the ledger that was regressed.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One chart. Where the regression is not defined, the points and how many they are.

    Raises
    ------
    ValueError
        If the regression is of neither all nor the kept pairs of this ledger.
    KeyError
        If the ledger has no baselines or no such variable.

    Examples
    --------
    >>> import xarray as xr
    >>> from minewatch.activity import baseline_regression
    >>> ledger = xr.Dataset(
    ...     {
    ...         "stable_mean": ("pair", [0.90, 0.88, 0.88, 0.84]),
    ...         "keep": ("pair", [True, True, True, True]),
    ...     },
    ...     coords={"perpendicular_baseline": ("pair", [0.0, -50.0, 100.0, 150.0])},
    ... )
    >>> figure = regression_figure(ledger, baseline_regression(ledger))
    >>> figure.axes[0].get_xlabel()
    'Length of the perpendicular baseline (m)'
    """
    for name in ("perpendicular_baseline", "keep", of):
        if name not in ledger:
            message = (
                f"regression_figure needs {name!r} along pair, the ledger has "
                f"{sorted(map(str, ledger.variables))}; use ledger.assign_coords or ledger.assign"
            )
            raise KeyError(message)
    ledger, regression = ledger.compute(), regression.compute()
    x = np.abs(ledger["perpendicular_baseline"].values.astype("float64"))
    y = ledger[of].values.astype("float64")
    keep = ledger["keep"].values.astype(bool)
    known = np.isfinite(x) & np.isfinite(y)
    used = _used(known, keep, int(regression["n"]))
    figure = sheet(6.4, 4.4, title=title)
    axes = figure.add_subplot()
    for chosen, text, hue, face in (
        (known & keep, "kept", MAIN, MAIN),
        (known & ~keep, "dropped", ACCENT, "none"),
    ):
        if chosen.any():
            axes.plot(
                x[chosen], y[chosen], "o", color=hue, markerfacecolor=face, markersize=5,
                label=f"{text} ({chosen.sum()})",
            )  # fmt: skip
    if np.isfinite(float(regression["slope"])):
        _line(axes, x[used], regression)
    axes.set_xlabel("Length of the perpendicular baseline (m)")
    axes.set_ylabel(label(ledger[of].attrs, of.replace("_", " ")))
    axes.set_xlim(left=0)
    axes.margins(y=0.08)
    if known.any():
        axes.legend(ncols=3, **ABOVE)
    _say(axes, regression, "kept pairs" if (known & ~keep & ~used).any() else "pairs")
    tidy(axes, grid="both")
    return figure


def _used(
    known: npt.NDArray[np.bool_], keep: npt.NDArray[np.bool_], n: int
) -> npt.NDArray[np.bool_]:
    """The pairs that a regression of n was made of."""
    for used in (known, known & keep):
        if used.sum() == n:
            return used
    message = (
        f"regression_figure got a regression of {n} pairs, and the ledger has {known.sum()} with "
        f"baseline and value, {(known & keep).sum()} of them kept; make it of this ledger: "
        "baseline_regression(ledger.isel(pair=ledger.keep.values))"
    )
    raise ValueError(message)


def _line(axes: Any, x: npt.NDArray[np.float64], regression: xr.Dataset) -> None:
    from scipy import stats

    slope, intercept, r = (float(regression[name]) for name in ("slope", "intercept", "r"))
    confidence = float(regression.attrs.get("confidence", 0.95))
    at = np.linspace(0, x.max(), 100)
    middle = intercept + slope * at
    square = ((x - x.mean()) ** 2).sum()
    freedom = len(x) - 2
    if freedom > 0 and r != 0:
        error = np.sqrt(slope**2 * square * (1 / r**2 - 1) / freedom)
        reach = stats.t.ppf((1 + confidence) / 2, freedom) * error
        reach = reach * np.sqrt(1 / len(x) + (at - x.mean()) ** 2 / square)
        axes.fill_between(
            at, middle - reach, middle + reach, color=INK, alpha=0.12, linewidth=0,
            label=f"line and {confidence:.0%} band",
        )  # fmt: skip
    axes.plot(at, middle, color=INK, linewidth=1.4)


def _say(axes: Any, regression: xr.Dataset, whose: str) -> None:
    """What was found, in a corner that the line leaves free."""
    value = {name: float(regression[name]) for name in regression.data_vars}
    if np.isfinite(value["r"]):
        text = f"r = {value['r']:.2f}, {_probability(value['p'])}, {value['n']:.0f} {whose}"
        confidence = float(regression.attrs.get("confidence", 0.95))
        if np.isfinite(value["r_lower"]):
            text += (
                f"\n{confidence:.0%} interval of r {value['r_lower']:.2f} to {value['r_upper']:.2f}"
            )
        text += f"\n{100 * value['slope']:+.4f} per 100 m"
    else:
        text = f"no line: {value['n']:.0f} {whose}, or they do not vary"
    low = value["slope"] > 0 if np.isfinite(value["slope"]) else False
    axes.annotate(
        text.replace("-", "−"), (0.98, 0.03 if low else 0.97), xycoords="axes fraction", ha="right",
        va="bottom" if low else "top", fontsize=9, color=INK,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 2},
    )  # fmt: skip


def _probability(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"
