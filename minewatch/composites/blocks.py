"""How large the blocks of a long series may be: what a composite needs of memory."""

from __future__ import annotations

import math

__all__ = ["block_size"]

PROCESS = 0.5
"""GiB that Python, its libraries and the caches of the readers take before any pixel."""

SPARE = 1.2
"""More than is counted here: small temporaries, and what the allocator keeps."""

STEP = 64
"""Sides are multiples of this: small enough to fit, large enough to read."""

LARGEST = 4096
"""Beyond this blocks only cost parallelism."""


def block_size(
    dates: int,
    layers: int,
    *,
    memory: float,
    threads: int = 1,
    itemsize: int = 4,
    reducer: str | float = "median",
) -> int:
    r"""Side of the square blocks, so that compositing them keeps a worker within its memory.

    A median must see all dates of a pixel, and layers that share a mask are read together. With
    one byte a pixel and date for the mask, and for each thread a layer that is being read or
    masked, a block of n × n pixels takes

    .. math:: n^2 \cdot \text{dates} \cdot (\text{itemsize} \cdot (\text{layers} +
              \text{threads}) + 1)

    bytes. The geometric median must see all layers at once, in each thread those of another block:
    there layers × threads take the place of layers. A fifth is added to either, and half a GiB for
    the process itself. Means and counts, which add up date by date, need less. Pass the answer to
    the loader as the chunks of y and x.

    Parameters
    ----------
    dates : int
        Dates of a series, of the longest year or season if it is cut.
    layers : int
        Variables that are composited, e.g. bands of a scene.
    memory : float
        What a worker may take in all, in GiB.
    threads : int
        Threads of the worker.
    itemsize : int
        Bytes of a value: 4 of float32.
    reducer : str or float
        As in :func:`composite`.

    Returns
    -------
    int
        Pixels, a multiple of 64 up to 4096.

    Raises
    ------
    ValueError
        If a number is not positive, or not even blocks of 64 pixels fit.

    See Also
    --------
    composite : what is done in these blocks.

    Examples
    --------
    >>> block_size(12, 9, memory=4, threads=2), block_size(200, 9, memory=4, threads=2)
    (2368, 576)
    """
    if min(dates, layers, threads, itemsize) < 1 or not 0 < memory < math.inf:
        message = (
            f"block_size needs positive numbers, got dates={dates}, layers={layers}, "
            f"memory={memory}, threads={threads}, itemsize={itemsize}; memory is in GiB, e.g. 4"
        )
        raise ValueError(message)
    held = layers * threads if reducer == "geomedian" else layers
    pixel = SPARE * dates * (itemsize * (held + threads) + 1)
    side = math.isqrt(int(max(memory - PROCESS, 0.0) * 2**30 / pixel)) // STEP * STEP
    if side == 0:
        least = PROCESS + STEP**2 * pixel / 2**30
        message = (
            f"{dates} dates of {layers} layers do not fit into {memory} GiB even in blocks of "
            f"{STEP} pixels; allow {math.ceil(10 * least) / 10} GiB, or composite years one by one"
        )
        raise ValueError(message)
    return min(side, LARGEST)
