"""Each kernel beside its floor and beside what people use today, on the same arrays.

A case holds arrays and the ways to go over them; ``ratios.py`` beside this times them in turn. The
peers are written as well as their libraries allow: no needless square root, the order of memory
that suits them, one thread.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.testing as npt

from benchmarks.floors import jit, read_one, read_pair, read_series
from minewatch import kernels

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CASES", "Case", "Peer"]

STABLE, THRESHOLD = 0.9, 0.2
"""Coherence of stable ground, and the NDAI above which ground is active."""

NDAI_AT_LIMIT = 2e-7
"""Coherence within a few roundings of the limit counts as active by one of both equations."""


@dataclass(frozen=True)
class Peer:
    """What people use today."""

    name: str
    run: Callable[[], Any]
    compare: Callable[[Any, Any], None]
    """Assert that what the kernel gives is what the peer gives."""
    share: float = 1.0
    """Part of the pixels that `run` goes over: slow peers need not go over all."""
    goal: float | None = None
    """How many times faster the kernel ought to be."""


@dataclass(frozen=True)
class Case:
    """A kernel on one set of arrays."""

    name: str
    pixels: int
    run: Callable[[], Any]
    """The kernel as it is called: its result is new memory, as a peer's is."""
    halves: tuple[Callable[[], Any], Callable[[], Any]]
    """The kernel on either half."""
    filled: Callable[[], Any] | None = None
    """The kernel into memory that was there before, as the floor writes."""
    floor: Callable[[], Any] | None = None
    goal: float | None = None
    """At most how many times its floor the kernel ought to take."""
    peers: tuple[Peer, ...] = field(default=())

    def agree(self) -> None:
        """Raise AssertionError where the kernel and a peer differ."""
        ours = self.run()
        for peer in self.peers:
            peer.compare(ours, peer.run())


def coherence(size: int) -> Case:
    """Two images of speckle, window 3 × 10."""
    parts = np.random.default_rng(0).normal(size=(2, size, 2 * size)).astype(np.float32)
    pair = [part.view(np.complex64) for part in parts]
    out = np.empty((size, size), np.float32)
    window = (3, 10, 0.5)

    def uniform_filter() -> Any:
        from scipy.ndimage import uniform_filter

        s1, s2 = pair
        cross = s1 * s2.conj()
        powers = (s.real * s.real + s.imag * s.imag for s in pair)
        # Beyond the edges are zeros, as in truncated windows: the ratio forgets their number.
        re, im, p, q = (
            uniform_filter(plane, (3, 10), mode="constant")
            for plane in (cross.real, cross.imag, *powers)
        )
        return np.sqrt((re * re + im * im) / (p * q))

    def compare(ours: Any, theirs: Any) -> None:
        # In corners the kernel lacks samples; scipy's running float32 sums drift.
        known = np.isfinite(ours)
        assert known.mean() > 1 - 40 / size
        npt.assert_allclose(ours[known], theirs[known], atol=2e-4)

    return Case(
        "coherence, 3 × 10",
        size * size,
        run=lambda: kernels.coherence(*pair, *window),
        halves=_halves(lambda rows: kernels.coherence(*(s[rows] for s in pair), *window), size),
        filled=lambda: kernels.coherence.compiled(*pair, *window, out),
        floor=lambda: jit(read_pair)(*parts, out),
        goal=5,
        peers=(Peer("`scipy.ndimage.uniform_filter`", uniform_filter, compare, goal=25),),
    )


def lee(size: int) -> Case:
    """One image of four looks, window 7 × 7."""
    power = np.random.default_rng(0).standard_gamma(4, size=(size, size), dtype=np.float32) / 4
    out = np.empty_like(power)
    settings = (7, 7, 4.0, 0)

    def uniform_filter() -> Any:
        from scipy.ndimage import uniform_filter

        mean, square = uniform_filter(power, 7), uniform_filter(power * power, 7)
        variance = (square - mean * mean) * np.float32(49 / 48)
        weight = (variance - mean * mean / 4) / (variance * np.float32(1.25))
        return mean + np.clip(weight, 0, 1) * (power - mean)

    def compare(ours: Any, theirs: Any) -> None:
        # At the edges scipy mirrors the image.
        inner = (slice(3, -3), slice(3, -3))
        npt.assert_allclose(ours[inner], theirs[inner], rtol=2e-4, atol=2e-4)

    return Case(
        "Lee filter, 7 × 7",
        size * size,
        run=lambda: kernels.lee(power, *settings),
        halves=_halves(lambda rows: kernels.lee(power[rows], *settings), size),
        filled=lambda: kernels.lee.compiled(power, *settings, out),
        floor=lambda: jit(read_one)(power, out),
        goal=8,
        peers=(Peer("`scipy.ndimage.uniform_filter`", uniform_filter, compare, goal=20),),
    )


def ndai(size: int) -> Case:
    """One date with gaps."""
    gamma = _with_gaps(1, size, 0.1)[0]
    out = np.empty_like(gamma)

    def expression() -> Any:
        total = np.float32(STABLE) + gamma
        index = (np.float32(STABLE) - gamma) / total
        return np.where(np.isfinite(total) & (total != 0), index, np.float32(np.nan))

    return Case(
        "NDAI",
        size * size,
        run=lambda: kernels.ndai(gamma, STABLE),
        halves=_halves(lambda rows: kernels.ndai(gamma[rows], STABLE), size),
        filled=lambda: kernels.ndai.compiled(gamma, STABLE, out),
        floor=lambda: jit(read_one)(gamma, out),
        peers=(Peer("numpy", expression, partial(npt.assert_allclose, atol=1e-6)),),
    )


def counts(size: int) -> Case:
    """The two counts of TAI: a hundred dates, a tenth unknown, images of a quarter of the size."""
    side = max(8, size // 4)
    cube = _with_gaps(100, side, 0.1)
    limits = np.full(100, STABLE * (1 - THRESHOLD) / (1 + THRESHOLD))
    out, over, seen = (np.empty((side, side), dtype) for dtype in ("f4", "u4", "u4"))

    def index() -> Any:
        g = np.float32(STABLE)
        return (g - cube) / (g + cube)

    def share() -> Any:
        """What the equation says: where NDAI is known, the mean of NDAI > threshold."""
        found = index()
        active = np.where(np.isfinite(found), found > np.float32(THRESHOLD), np.float32(np.nan))
        return np.nanmean(active, axis=0)

    def two_sums() -> Any:
        """NaN > threshold is false, and is not observed."""
        found = index()
        return (found > np.float32(THRESHOLD)).sum(axis=0), np.isfinite(found).sum(axis=0)

    tied = (np.abs(cube - limits[:, None, None]) < NDAI_AT_LIMIT).sum(axis=0)

    def compare_counts(ours: Any, theirs: Any) -> None:
        npt.assert_array_equal(ours[1], theirs[1])
        assert (np.abs(ours[0].astype(int) - theirs[0]) <= tied).all()

    def compare_share(ours: Any, theirs: Any) -> None:
        assert (np.abs(ours[0] - theirs * ours[1]) <= tied + 1e-4).all()

    return Case(
        "counts of TAI, 100 dates, 10 % gaps",
        side * side,
        run=lambda: kernels.count_exceedances(cube, limits),
        halves=_blocks(lambda block: kernels.count_exceedances(block, limits), cube),
        filled=lambda: kernels.count_exceedances.compiled(cube, limits, over, seen),
        floor=lambda: jit(read_series)(cube.reshape(100, -1), out.reshape(-1)),
        goal=2.2,
        peers=(
            Peer("numpy, `nanmean` of NDAI > th where known", share, compare_share, goal=15),
            Peer("numpy, two sums over NDAI", two_sums, compare_counts),
        ),
    )


def median(size: int) -> Case:
    """Forty dates, two fifths unknown, images of an eighth of the size, time first in memory."""
    side = max(8, size // 8)
    cube = _with_gaps(40, side, 0.4)
    series = np.moveaxis(cube, 0, -1)
    # What peers like best: a pixel's dates side by side.
    piece = np.ascontiguousarray(series[: side // 4])
    out = np.empty(side * side, np.float32)

    def compare(ours: Any, theirs: Any) -> None:
        # They add the middle two in float32, the kernel in float64.
        npt.assert_allclose(ours[: len(theirs)], theirs, rtol=2e-7)

    def numpys() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a pixel that was never seen
            return np.nanmedian(piece, axis=-1)

    peers = [Peer("`numpy.nanmedian`", numpys, compare, len(piece) / side)]
    if _found("numbagg"):
        peers.insert(0, Peer("numbagg", partial(_numbagg, piece), compare, len(piece) / side))
    if _found("bottleneck"):
        import bottleneck

        run = partial(bottleneck.nanmedian, piece, axis=-1)
        peers.insert(0, Peer("bottleneck", run, compare, len(piece) / side, goal=8))

    return Case(
        "median of 40 dates, 40 % gaps",
        side * side,
        run=lambda: kernels.nanmedian(series),
        halves=_blocks(lambda block: kernels.nanmedian(np.moveaxis(block, 0, -1)), cube),
        filled=lambda: kernels.nanmedian.compiled(cube.reshape(40, -1), out),
        floor=lambda: jit(read_series)(cube.reshape(40, -1), out),
        peers=tuple(peers),
    )


def forest(size: int, depth: int | None = None) -> Case:
    """100 trees (20 in small), grown to the end or to a depth, on 45 features."""
    from minewatch.learn import Forest

    pixels = 4 * size
    trees = 100 if size > 512 else 20
    theirs = _fitted(trees, depth)
    ours = Forest.of(theirs, features=[f"f{number}" for number in range(45)])
    table = np.random.default_rng(1).normal(size=(pixels, 45)).astype(np.float32)
    return Case(
        f"forest, {trees} trees × 45, " + (f"depth {depth}" if depth else "fully grown"),
        pixels,
        run=lambda: ours.predict_proba(table),
        halves=_halves(lambda rows: ours.predict_proba(table[rows]), pixels),
        peers=(
            Peer(
                "scikit-learn",
                lambda: theirs.predict_proba(table),
                partial(npt.assert_allclose, atol=1e-6),
                goal=5 if depth else 3.5,
            ),
        ),
    )


CASES: dict[str, Callable[[int], Case]] = {
    "coherence": coherence,
    "lee": lee,
    "ndai": ndai,
    "counts": counts,
    "median": median,
    "forest": forest,
    "forest of depth 10": partial(forest, depth=10),
}


def _halves(work: Callable[[slice], Any], rows: int) -> tuple[Any, Any]:
    return partial(work, slice(rows // 2)), partial(work, slice(rows // 2, rows))


def _blocks(work: Callable[[Any], Any], cube: Any) -> tuple[Any, Any]:
    """Halves of a stack that lie in memory as blocks of a chunked one do."""
    first, second = (np.ascontiguousarray(half) for half in np.array_split(cube, 2, axis=1))
    return partial(work, first), partial(work, second)


def _with_gaps(dates: int, size: int, share: float) -> np.ndarray:
    """Coherence of which a share is unknown."""
    rng = np.random.default_rng(0)
    cube = rng.random(size=(dates, size, size), dtype=np.float32)
    cube[rng.random(size=cube.shape, dtype=np.float32) < share] = np.nan
    return cube


@cache
def _fitted(trees: int, depth: int | None) -> Any:
    """12,000 samples a tree: fully grown, it has about 3,500 nodes."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    table = rng.normal(size=(20_000 * trees // 100, 45)).astype(np.float32)
    label = table[:, :5].sum(axis=1) + 2 * rng.normal(size=len(table)) > 0
    model = RandomForestClassifier(trees, max_samples=0.6, max_depth=depth, random_state=0)
    return model.fit(table, label.astype(int))


def _found(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _numbagg(series: Any) -> Any:
    import numba
    import numbagg

    numba.set_num_threads(1)
    return numbagg.nanmedian(series, axis=-1)
