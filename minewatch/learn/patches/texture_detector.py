"""A detector without a network: statistics of texture, and boosted trees of scikit-learn."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import plain_attrs
from minewatch.learn.patches.boosted_trees import margin_forest
from minewatch.learn.patches.textures import (
    DISTANCES,
    LEVELS,
    level_range,
    statistic_names,
    texture_statistics,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

    from minewatch.learn.stored import Forest

__all__ = ["TextureDetector", "fit_textures"]

RATE = 0.05
LEAVES = 15
SMALLEST_LEAF = 20
"""Patches in a leaf; a twentieth of them where there are fewer than 400."""


def fit_textures(
    patches: xr.Dataset,
    *,
    seed: int = 0,
    rounds: int = 200,
    distances: Sequence[int] = DISTANCES,
    levels: int = LEVELS,
) -> TextureDetector:
    """Fit the detector that needs neither torch nor onnxruntime. Computes.

    Each patch becomes 17 statistics a channel (:func:`minewatch.kernels.cooccurrence` and others),
    which no flip or quarter turn changes, and boosted trees tell mines by them. Patches in which
    anything is unknown are left out.

    Parameters
    ----------
    patches : xarray.Dataset
        A patch set from :func:`extract`; those to learn from of :func:`split`.
    seed : int
        Makes the fit repeatable.
    rounds : int
        Trees, each of which corrects those before it.
    distances : sequence of int
        Pixels between the two of a pair whose levels are compared.
    levels : int
        Grey levels, 2 to 256. The range of each channel that is cut into them holds 98 % of its
        values.

    Returns
    -------
    TextureDetector
        It says how probable a mine is in a patch.

    Raises
    ------
    ValueError
        If it is no patch set, patches of a label are lacking, or settings mean nothing.

    See Also
    --------
    TextureDetector : what it can do.

    References
    ----------
    Haralick, Shanmugam & Dinstein (1973), Textural features for image classification, IEEE TSMC
    3(6), doi:10.1109/TSMC.1973.4309314

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label = np.arange(40) % 2
    >>> speckle = rng.normal(-10, 1 + label[:, None, None, None], (40, 1, 16, 16))
    >>> coords = {"channel": ["vv"], "label": ("patch", label), "point": ("patch", np.arange(40))}
    >>> patches = xr.Dataset({"patches": (("patch", "channel", "row", "column"), speckle)}, coords)
    >>> detector = fit_textures(patches)
    >>> detector.predict_proba(speckle[:2]).round(1)
    array([0., 1.], dtype=float32)
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    _require(patches, rounds, distances, levels)
    values = patches["patches"].to_numpy()
    known = np.isfinite(values).all(axis=(1, 2, 3))
    label = patches["label"].to_numpy().astype(np.int64)
    numbers = [int((known & (label == value)).sum()) for value in (0, 1)]
    if min(numbers) < 2:
        message = (
            f"fit_textures needs two whole patches with a mine and two without, got {numbers[1]}"
        )
        message += f" and {numbers[0]}; extract more, or allow no nodata"
        raise ValueError(message)
    low, high = level_range(values[known] if not known.all() else values)
    settings = {
        "low": low,
        "high": high,
        "distances": [*map(int, distances)],
        "levels": int(levels),
    }
    channels = [str(name) for name in patches["channel"].values]
    table = _table(values[known] if not known.all() else values, channels, settings)
    model = HistGradientBoostingClassifier(
        learning_rate=RATE,
        max_iter=rounds,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=int(np.clip(sum(numbers) // 20, 1, SMALLEST_LEAF)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # Threads would wait for each other longer than they work on so few samples.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(table, label[known])
    provenance = {
        "patches": sum(numbers),
        "mines": numbers[1],
        "incomplete": int((~known).sum()),
        "points": len(np.unique(patches["point"].values)) if "point" in patches.coords else None,
        "seed": int(seed),
        "rounds": int(rounds),
        **{name: _plain(value) for name, value in patches.attrs.items()},
        "channels_made": {k: _plain(v) for k, v in patches["patches"].attrs.items()},
    }
    trees, start = margin_forest(model)
    return TextureDetector(
        trees,
        start=start,
        channels=channels,
        size=patches.sizes["row"],
        settings=settings,
        provenance={name: value for name, value in provenance.items() if value is not None},
    )


class TextureDetector:
    """Says how probable a mine is in a patch, from statistics of its texture.

    Made by :func:`fit_textures`. It holds plain arrays, and runs without scikit-learn.

    Parameters
    ----------
    trees : Forest
        Boosted trees on the statistics, by name, with margins in their leaves.
    start : float
        Log-odds of a mine before any tree.
    channels : sequence of str
        Names of the channels in order.
    size : int
        Rows and columns of a patch.
    settings : mapping
        ``low`` and ``high`` of each channel, ``distances`` and ``levels`` of the statistics.
    provenance : mapping
        What it was fitted on.
    versions : mapping of str to str, optional
        Of the libraries it was fitted with; those at hand by default.

    Attributes
    ----------
    size, channels : int, tuple of str
        As above.
    importances_ : pandas.Series
        Share of each statistic in the gain of all splits, the largest first.
    classes_ : array
        0 (no mine) and 1 (mine).
    padding, history_ : None
        Networks have them.
    provenance_, versions_ : dict
        As above.

    Examples
    --------
    >>> TextureDetector.__name__
    'TextureDetector'
    """

    padding: None = None
    history_: pd.DataFrame | None = None

    def __init__(
        self,
        trees: Forest,
        *,
        start: float,
        channels: Sequence[str],
        size: int,
        settings: Mapping[str, Any],
        provenance: Mapping[str, Any],
        versions: Mapping[str, str] | None = None,
    ) -> None:
        self.trees, self.start, self.settings = trees, float(start), dict(settings)
        self.channels, self.size = tuple(channels), int(size)
        self.classes_ = np.array([0, 1])
        self.provenance_ = dict(provenance)
        at_hand = {name: metadata.version(name) for name in ("minewatch", "scikit-learn", "numpy")}
        self.versions_ = dict(at_hand if versions is None else versions)

    def __repr__(self) -> str:
        return f"TextureDetector({', '.join(self.channels)}, {self.size} × {self.size} pixels)"

    @property
    def importances_(self) -> pd.Series:
        """What the trees look at."""
        import pandas as pd

        names = pd.Index(self.trees.feature_names_in_, name="statistic")
        shares = pd.Series(self.trees.feature_importances_, names, name="importance")
        return shares.sort_values(ascending=False, kind="stable")

    def predict_proba(self, patches: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """How probable a mine is in each patch.

        Parameters
        ----------
        patches : array of shape (n, channels, size, size)
            Patches in dB, channels in the order of :attr:`channels`.

        Returns
        -------
        array of float32 of shape (n,)
            Probability; NaN for a patch in which anything is unknown.

        Raises
        ------
        ValueError
            If they have another shape.
        """
        expected = (len(self.channels), self.size, self.size)
        if np.ndim(patches) != 4 or np.shape(patches)[1:] != expected:
            message = f"the detector needs patches of shape (n, {', '.join(map(str, expected))}), "
            message += f"got {np.shape(patches)}; extract them with size={self.size}"
            raise ValueError(message)
        found = np.full(len(patches), np.nan, np.float32)
        table = _table(np.asarray(patches), self.channels, self.settings)
        known = table.notna().all(axis=1).to_numpy()
        if known.any():
            mean = self.trees.predict_proba(table[known])[:, 0]
            odds = self.start + (len(self.trees.starts) - 1) * mean
            found[known] = 1 / (1 + np.exp(-odds))
        return found


def _table(
    patches: npt.NDArray[Any], channels: Sequence[str], settings: Mapping[str, Any]
) -> pd.DataFrame:
    import pandas as pd

    names = statistic_names(channels, distances=settings["distances"])
    return pd.DataFrame(texture_statistics(patches, **settings), columns=list(names))


def _require(patches: xr.Dataset, rounds: int, distances: Sequence[int], levels: int) -> None:
    known = isinstance(patches, xr.Dataset) and "patches" in patches and "label" in patches.coords
    dims = ("patch", "channel", "row", "column")
    if not known or patches["patches"].dims != dims or "channel" not in patches.coords:
        message = f"fit_textures needs a patch set, with patches of dims {dims} and labels; make "
        message += "one with minewatch.learn.patches.extract"
        raise ValueError(message)
    if patches.sizes["row"] != patches.sizes["column"]:
        message = f"fit_textures needs squares, got {patches.sizes['row']} rows and "
        message += f"{patches.sizes['column']} columns; extract them with one size"
        raise ValueError(message)
    strange = np.setdiff1d(patches["label"].to_numpy(), (0, 1))
    if len(strange):
        message = f"fit_textures needs labels 1 (a mine) and 0 (none), got {strange[:5].tolist()}; "
        raise ValueError(message + "use e.g. patches.assign_coords(label=patches.label == 2)")
    farthest = patches.sizes["row"] - 1
    if not len(distances) or not all(1 <= distance <= farthest for distance in distances):
        message = f"fit_textures needs distances from 1 to {farthest} pixels, got {list(distances)}"
        raise ValueError(message + "; use [1, 2, 4]")
    if rounds < 1 or not 2 <= levels <= 256:
        message = f"fit_textures needs rounds of 1 or more and 2 to 256 levels, got {rounds} and "
        raise ValueError(message + f"{levels}; use rounds=200, levels=16")


def _plain(value: object) -> object:
    return plain_attrs({"value": value}).get("value")
