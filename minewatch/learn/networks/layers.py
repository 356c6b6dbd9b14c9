"""The patch network of Lemes Neto et al. (2025), layer by layer."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from minewatch.learn.networks.frameworks import require_torch

__all__ = ["PADDINGS", "SMALLEST", "feature_size", "patch_network"]

PADDINGS = ("same", "valid")
SMALLEST = {"same": 16, "valid": 18}
"""Pixels to a side of the smallest patch."""
FILTERS = (32, 64, 128)
HIDDEN = 64
CLASSES = 2
KERAS_BATCH_NORM = {"eps": 1e-3, "momentum": 0.01}


def patch_network(*, channels: int = 3, padding: str = "same", seed: int = 0) -> Any:
    r"""The network, before it has learnt.

    Three times a convolution of 3 × 3, ReLU and *then* batch normalisation, with 2 × 2 max-pooling
    between; global average, dropout of one half, 64 hidden units, two classes. For three channels
    it has 102,082 parameters to learn and 448 statistics of its normalisation:

    ============  =======  ==========
    layer         learnt   statistics
    ============  =======  ==========
    conv1, bn1    896, 64  64
    conv2, bn2    18496, 128  128
    conv3, bn3    73856, 256  256
    dense, out    8256, 130  --
    ============  =======  ==========

    Weights begin as in Keras: Glorot's uniform draw, biases of 0.

    Parameters
    ----------
    channels : int
        Of a patch.
    padding : {"same", "valid"}
        ``"same"``, the paper's: convolutions pad with zeros. ``"valid"``: they do not, so that the
        network can be run over a scene as one convolution. The parameters are as many.
    seed : int
        Of the first weights. The generator of torch that others use is left alone.

    Returns
    -------
    torch.nn.Sequential
        Patches (n, channels, size, size), standardised, float32 → scores (n, 2): no mine, mine.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If the padding is neither.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks. Glorot and Bengio (2010), Understanding the difficulty of
    training deep feedforward neural networks, AISTATS 9, 249-256.

    Examples
    --------
    >>> network = patch_network()
    >>> sum(weights.numel() for weights in network.parameters())
    102082
    >>> sum(statistics.numel() for statistics in network.buffers() if statistics.ndim)
    448
    """
    torch = require_torch("patch_network")
    if padding not in PADDINGS:
        message = f"padding is 'same' or 'valid', got {padding!r}; the paper's network is 'same'"
        raise ValueError(message)
    generator = torch.Generator().manual_seed(seed)
    made = {"device": "cpu", "dtype": torch.float32}
    nn = torch.nn

    def weighted(kind: Any, *sizes: Any, **settings: Any) -> Any:
        layer = nn.utils.skip_init(kind, *sizes, **settings, **made)
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        return layer

    layers: OrderedDict[str, Any] = OrderedDict()
    before = channels
    for number, filters in enumerate(FILTERS, 1):
        if number > 1:
            layers[f"pool{number - 1}"] = nn.MaxPool2d(2)
        layers[f"conv{number}"] = weighted(nn.Conv2d, before, filters, 3, padding=padding)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        layers[f"bn{number}"] = nn.BatchNorm2d(filters, **KERAS_BATCH_NORM, **made)
        before = filters
    layers["average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["dropout"] = nn.Dropout(0.5)
    layers["dense"] = weighted(nn.Linear, before, HIDDEN)
    layers["relu4"] = nn.ReLU()
    layers["out"] = weighted(nn.Linear, HIDDEN, CLASSES)
    return nn.Sequential(layers)


def feature_size(size: int, padding: str) -> int:
    """How many features to a side the third convolution finds in a patch.

    Parameters
    ----------
    size : int
        Pixels to a side of the patch.
    padding : {"same", "valid"}
        Of the network.

    Returns
    -------
    int
        104 → 52 → 26 padded; 104 → 102 → 51 → 49 → 24 → 22 unpadded.

    Examples
    --------
    >>> feature_size(104, "same"), feature_size(104, "valid")
    (26, 22)
    """
    edge = 0 if padding == "same" else 2
    return ((size - edge) // 2 - edge) // 2 - edge
