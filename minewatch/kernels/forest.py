r"""Samples down the trees of a forest: what scikit-learn's ``predict_proba`` does, compiled.

A node is one number of 8 bytes: the threshold in the upper half, the left child and the feature in
the lower one. The right child follows the left one, so a step is one load of the node, one of the
feature, and an addition. Thresholds and features are compared as integers of the same order as the
float32 numbers that they stand for; a float64 threshold is rounded down to float32, which leaves
:math:`x \le t` as it is for every float32 x. A leaf leads to itself, so that no step asks whether
it is the last one: eight samples go down together, a shallow tree as many steps as it has levels,
a deep one until none of them moves, which is looked at every few steps. Tree after tree runs over
a block of samples while its nodes are in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["forest_proba", "pack_trees", "too_large"]

LEAF = -1
BLOCK = 4096
"""Samples sent down a tree before the next tree: a multiple of eight."""
SURE = 12
"""Levels that samples go down before it is first seen whether all have arrived."""
STEPS = 3
"""Levels between two such looks."""
ZERO, ONE, EIGHT = np.uint64(0), np.uint64(1), np.uint64(8)
HALF, LOW = np.uint64(32), np.uint64(0xFFFFFFFF)
SIGN, INFINITE = np.uint32(0x80000000), np.uint32(0x7F800000)


def as_keys(samples: Any, keys: Any, known: Any) -> None:
    """Write floats as unsigned integers of the same order, and note which samples are complete."""
    n, features = samples.shape
    for s in range(n):
        row, out = samples[s], keys[s * features : (s + 1) * features]
        gaps = np.uint32(0)
        for k in range(features):
            bits = row[k]
            size = bits & ~SIGN
            gaps |= np.uint32(size > INFINITE)
            # -0 equals 0.
            bits = bits if size else np.uint32(0)
            out[k] = ~bits if bits & SIGN else bits | SIGN
        known[s] = gaps == np.uint32(0)


def step(tree: Any, keys: Any, base: Any, node: Any, bits: Any, mask: Any) -> Any:
    """The child that a sample goes to; the node itself where it is a leaf."""
    word = tree[node]
    right = np.uint64(keys[base + (word & mask)]) > (word >> HALF)
    return ((word & LOW) >> bits) + np.uint64(right)


def down(tree: Any, keys: Any, base: Any, f: Any, at: Any, bits: Any, mask: Any) -> Any:
    """A step of eight samples, whose keys lie one behind the other."""
    base1 = base + f
    base2 = base1 + f
    base3 = base2 + f
    base4 = base3 + f
    base5 = base4 + f
    base6 = base5 + f
    return (
        step(tree, keys, base, at[0], bits, mask),
        step(tree, keys, base1, at[1], bits, mask),
        step(tree, keys, base2, at[2], bits, mask),
        step(tree, keys, base3, at[3], bits, mask),
        step(tree, keys, base4, at[4], bits, mask),
        step(tree, keys, base5, at[5], bits, mask),
        step(tree, keys, base6, at[6], bits, mask),
        step(tree, keys, base6 + f, at[7], bits, mask),
    )


@gufunc(
    [
        "(float32[:,::1],uint64[::1],uint32[::1],int64[::1],int64[::1],float64[:,::1],int64,"
        "float64[:,::1])",
    ],
    "(n,f),(m),(m),(s),(t),(l,c),()->(n,c)",
    helpers=(as_keys, step, down),
)
def forest_proba(
    samples: Any,
    nodes: Any,
    rows: Any,
    starts: Any,
    depths: Any,
    values: Any,
    width: Any,
    out: Any,
) -> None:
    """Mean over trees of the class shares in the leaf that each sample falls into.

    The sum over trees is formed in their order in float64, so that it equals scikit-learn's to the
    last bit.

    Parameters
    ----------
    samples : (..., n, f) array of float32
        A row of features per sample. Infinities are in order, below or above all thresholds.
    nodes, rows, starts, depths, values, width
        The forest, from :func:`pack_trees`.

    Returns
    -------
    (..., n, c) array of float64
        Shares of the classes; NaN for a sample with a NaN.

    See Also
    --------
    minewatch.learn.predict_proba : any fitted estimator over a scene.

    Examples
    --------
    >>> import numpy as np
    >>> stump = pack_trees(  # x <= 0.5 is class 0
    ...     starts=np.array([0, 3]),
    ...     left=np.array([1, -1, -1]),
    ...     right=np.array([2, -1, -1]),
    ...     feature=np.array([0, -1, -1]),
    ...     threshold=np.array([0.5, 0.0, 0.0]),
    ...     leaf_value=np.array([[1.0, 0.0], [0.25, 0.75]]),
    ...     features=1,
    ... )
    >>> forest_proba(np.array([[0.5], [0.6], [np.nan]], np.float32), *stump)
    array([[1.  , 0.  ],
           [0.25, 0.75],
           [ nan,  nan]])
    """
    n, features = samples.shape
    trees, classes = len(depths), values.shape[1]
    bits, f = np.uint64(width), np.uint64(features)
    mask = (ONE << bits) - ONE
    patterns = samples.view(np.uint32)
    room = min(BLOCK, (n + 7) // 8 * 8)
    keys = np.zeros(room * features, np.uint32)
    known = np.zeros(room, np.bool_)
    total = np.zeros((room, classes))
    largest = 0
    for t in range(trees):
        largest = max(largest, starts[t + 1] - starts[t])
    near_nodes, near_rows = np.empty(largest, np.uint64), np.empty(largest, np.uint32)
    for first in range(0, n, BLOCK):
        count = min(BLOCK, n - first)
        as_keys(patterns[first : first + count], keys, known)
        total[:] = 0.0
        for t in range(trees):
            size = starts[t + 1] - starts[t]
            # A copy is read in order, which is quick; nodes fetched one by one would be waited for.
            tree, row = near_nodes[:size], near_rows[:size]
            tree[:] = nodes[starts[t] : starts[t + 1]]
            row[:] = rows[starts[t] : starts[t + 1]]
            sure, deeper = min(depths[t], SURE), depths[t] > SURE
            for s in range(ZERO, np.uint64(count), EIGHT):
                eight = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
                for _ in range(sure):
                    eight = down(tree, keys, s * f, f, eight, bits, mask)
                moved = deeper
                while moved:
                    for _ in range(STEPS):
                        eight = down(tree, keys, s * f, f, eight, bits, mask)
                    lower = down(tree, keys, s * f, f, eight, bits, mask)
                    moved, eight = lower != eight, lower
                for k in range(8):
                    leaf = np.uint64(row[eight[k]])
                    for c in range(classes):
                        total[s + np.uint64(k), c] += values[leaf, c]
        for s in range(count):
            for c in range(classes):
                out[first + s, c] = total[s, c] / trees if known[s] else np.nan


def pack_trees(
    *,
    starts: Any,
    left: Any,
    right: Any,
    feature: Any,
    threshold: Any,
    leaf_value: Any,
    features: int,
) -> tuple[Any, Any, Any, Any, Any, int]:
    """Lay the trees of a forest as :func:`forest_proba` reads them.

    Parameters
    ----------
    starts : (t + 1,) array of int
        Where each tree begins among the nodes; at last their number.
    left, right : (m,) array of int
        Children, among all nodes; nothing for leaves.
    feature : (m,) array of int
        The feature that a node asks for; -1 for leaves.
    threshold : (m,) array of float64
        Samples at or below it go left.
    leaf_value : (l, c) array of float64
        Class shares of the leaves, in the order of the nodes.
    features : int
        Number of features.

    Returns
    -------
    nodes : (m,) array of uint64
        Threshold, left child and feature; each tree level by level.
    rows : (m,) array of uint32
        The row of `values` that belongs to a node.
    starts : (t + 1,) array of int64
        Where each tree begins.
    depths : (t,) array of int64
        Steps from the root of each tree to its lowest leaf.
    values : (l, c) array of float64
        Class shares, each kind once.
    width : int
        Bits that the number of a feature takes.

    Raises
    ------
    ValueError
        If a tree has more nodes than can be told beside so many features.

    Examples
    --------
    >>> leaf = pack_trees(
    ...     starts=np.array([0, 1]),
    ...     left=np.array([-1]),
    ...     right=np.array([-1]),
    ...     feature=np.array([-1]),
    ...     threshold=np.array([0.0]),
    ...     leaf_value=np.array([[0.3, 0.7]]),
    ...     features=45,
    ... )
    >>> leaf[-1]
    6
    """
    width = (features - 1).bit_length()
    starts = np.asarray(starts, np.int64)
    if too_large(starts, features):
        message = (
            f"a tree of {np.diff(starts).max()} nodes on {features} features does not fit into "
            f"the compiled forest, whose nodes have 32 bits for both; grow smaller trees"
        )
        raise ValueError(message)
    order, tree, depths = _by_level(starts, left, right, feature)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - starts[tree]
    leaf = np.asarray(feature)[order] == LEAF
    # Leaves hold the highest number: whatever comes is not above it.
    keys = np.where(leaf, np.uint32(0xFFFFFFFF), _keys_below(np.asarray(threshold)[order]))
    child = np.where(leaf, place[order], place[np.where(leaf, 0, np.asarray(left)[order])])
    asked = np.where(leaf, 0, np.asarray(feature)[order])
    nodes = keys.astype(np.uint64) << HALF
    nodes |= child.astype(np.uint64) << np.uint64(width) | asked.astype(np.uint64)
    values, kind = np.unique(leaf_value, axis=0, return_inverse=True)
    rows = np.zeros(len(order), np.uint32)
    rows[np.asarray(feature) == LEAF] = kind.ravel()
    return nodes, rows[order], starts, depths, np.ascontiguousarray(values, np.float64), width


def too_large(starts: Any, features: int) -> bool:
    """Whether a tree has too many nodes to be packed.

    Parameters
    ----------
    starts : (t + 1,) array of int
        Where each tree begins among the nodes; at last their number.
    features : int
        Number of features.

    Returns
    -------
    bool
        True where :func:`pack_trees` would refuse.

    Examples
    --------
    >>> too_large([0, 100_000], 45)
    False
    """
    return bool(np.diff(starts).max() > 1 << (32 - (features - 1).bit_length()))


def _by_level(starts: Any, left: Any, right: Any, feature: Any) -> tuple[Any, Any, Any]:
    """Nodes of each tree level by level, children side by side; the tree of each; their depths."""
    level, tree = starts[:-1], np.arange(len(starts) - 1)
    levels, trees = [level], [tree]
    depths = np.zeros(len(tree), np.int64)
    while len(level):
        inner = np.asarray(feature)[level] != LEAF
        parents = level[inner]
        level = np.stack([np.asarray(left)[parents], np.asarray(right)[parents]], axis=1).ravel()
        tree = np.repeat(tree[inner], 2)
        levels.append(level)
        trees.append(tree)
        depths[tree] += 1
    whose = np.concatenate(trees)
    by_tree = np.argsort(whose, kind="stable")
    return np.concatenate(levels)[by_tree], whose[by_tree], depths


def _keys_below(threshold: Any) -> Any:
    """Thresholds as unsigned integers in the order of the largest float32 not above them."""
    with np.errstate(over="ignore", under="ignore"):
        nearest = threshold.astype(np.float32)
        lower = np.nextafter(nearest, np.float32(-np.inf))
    floored = np.where(nearest > threshold, lower, nearest)
    # Adding 0 makes -0 a 0.
    bits = (floored + np.float32(0)).astype(np.float32).view(np.uint32)
    return np.where(bits & SIGN, ~bits, bits | SIGN)
