"""The taught network as a graph of ONNX, from its numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.learn.networks.onnx_graphs import Node, onnx_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Numbers = Mapping[str, npt.NDArray[np.float32]]

__all__ = ["unet_graph"]


def unet_graph(numbers: Numbers, *, levels: int, epsilon: float = 1e-5) -> bytes:
    """A U-Net and its softmax, for any number of images of any fitting size.

    Batch normalisation, which after training is a factor and a shift for each feature map, goes
    into the convolution before it.

    Parameters
    ----------
    numbers : mapping of str to numpy.ndarray
        The state of the network of :func:`minewatch.learn.segment.architecture.unet`.
    levels : int
        Its resolutions.
    epsilon : float
        What normalisation adds to variances.

    Returns
    -------
    bytes
        ONNX: ``images`` (n, channels, y, x) to ``probabilities`` (n, classes, y, x), float32.

    See Also
    --------
    minewatch.learn.networks.session : runs it.

    Examples
    --------
    >>> from minewatch.learn.networks import session
    >>> from minewatch.learn.segment.architecture import unet
    >>> numbers = {name: each.numpy() for name, each in unet(2, 3, levels=2).state_dict().items()}
    >>> run = session(unet_graph(numbers, levels=2))
    >>> run.run(None, {"images": np.zeros((1, 2, 4, 6), "float32")})[0].shape
    (1, 3, 4, 6)
    """
    nodes: list[Node] = []
    constants: dict[str, npt.NDArray[np.float32]] = {}

    def add(operator: str, *inputs: str, **settings: int | tuple[int, ...]) -> str:
        nodes.append(Node(operator, inputs, (f"value{len(nodes)}",), settings))
        return nodes[-1].outputs[0]

    def pair(block: str, value: str) -> str:
        for convolution, normal in ((0, 1), (3, 4)):
            names = f"{block}.{convolution}.weight", f"{block}.{convolution}.bias"
            constants[names[0]], constants[names[1]] = _folded(
                numbers, f"{block}.{convolution}", f"{block}.{normal}", epsilon
            )
            value = add("Conv", value, *names, pads=(1, 1, 1, 1))
            value = add("Relu", value)
        return value

    seen = [pair("down.0", "images")]
    for level in range(1, levels):
        halved = add("MaxPool", seen[-1], kernel_shape=(2, 2), strides=(2, 2))
        seen.append(pair(f"down.{level}", halved))
    found = seen.pop()
    for level in reversed(range(levels - 1)):
        names = f"up.{level}.weight", f"up.{level}.bias"
        constants |= {name: numbers[name] for name in names}
        grown = add("ConvTranspose", found, *names, strides=(2, 2))
        found = pair(f"join.{level}", add("Concat", seen.pop(), grown, axis=1))
    constants |= {name: numbers[name] for name in ("scores.weight", "scores.bias")}
    scores = add("Conv", found, "scores.weight", "scores.bias")
    nodes.append(Node("Softmax", (scores,), ("probabilities",), {"axis": 1}))
    channels = int(numbers["down.0.0.weight"].shape[1])
    classes = len(numbers["scores.bias"])
    return onnx_graph(
        nodes,
        constants,
        inputs={"images": ("n", channels, "y", "x")},
        outputs={"probabilities": ("n", classes, "y", "x")},
    )


def _folded(
    numbers: Numbers, convolution: str, normal: str, epsilon: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weight and bias of a convolution that normalises too."""
    scale, shift, mean, variance = (
        numbers[f"{normal}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + epsilon)
    weight = numbers[f"{convolution}.weight"] * factor[:, None, None, None]
    return weight.astype(np.float32), (shift - mean * factor).astype(np.float32)
