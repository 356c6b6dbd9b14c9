"""The network: how many numbers it holds, how far it sees, and itself in torch.

References
----------
Ronneberger et al. (2015), U-Net: convolutional networks for biomedical image segmentation, MICCAI.
https://doi.org/10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from minewatch.learn.networks.frameworks import require_torch

__all__ = ["parameter_count", "reach", "step", "unet"]


def step(levels: int) -> int:
    """Rows and columns of an image must be a multiple of this: each level below halves them.

    Examples
    --------
    >>> step(4)
    8
    """
    return int(2 ** (levels - 1))


def parameter_count(channels: int, classes: int, *, width: int = 16, levels: int = 4) -> int:
    """Numbers that training sets.

    Parameters
    ----------
    channels, classes : int
        Of the input and of the output.
    width : int
        Feature maps at full resolution; they double with each level.
    levels : int
        Resolutions, the full one included.

    Returns
    -------
    int
        Weights, and two numbers of each batch normalisation.

    Examples
    --------
    >>> parameter_count(2, 4)
    482644
    """
    widths = [width * 2**level for level in range(levels)]
    total = 0
    for before, after in zip([channels, *widths], widths, strict=False):
        total += _pair_count(before, after)
    for narrow, wide in pairwise(widths):
        total += 4 * wide * narrow + narrow + _pair_count(2 * narrow, narrow)
    return total + width * classes + classes


def _pair_count(before: int, after: int) -> int:
    return 9 * (before + after) * after + 4 * after


def reach(levels: int) -> int:
    """How far away a pixel may lie and still sway another, rows or columns.

    Followed back from each output pixel through the layers: two convolutions of three at each level
    on the way up and on the way down, halving and doubling between.

    Parameters
    ----------
    levels : int
        Resolutions of the network.

    Returns
    -------
    int
        Pixels.

    Examples
    --------
    >>> reach(1), reach(4)
    (2, 51)
    """
    farthest = 0
    for pixel in range(step(levels)):
        low, high = pixel, pixel
        skipped = []
        for _ in range(levels - 1):
            low, high = low - 2, high + 2
            skipped.append((low, high))
            low, high = low // 2, high // 2
        low, high = low - 2, high + 2
        for left, right in reversed(skipped):
            low, high = min(2 * low, left) - 2, max(2 * high + 1, right) + 2
        farthest = max(farthest, pixel - low, high - pixel)
    return farthest


def unet(channels: int, classes: int, *, width: int = 16, levels: int = 4) -> Any:
    """A U-Net of torch, its weights drawn from torch's generator.

    At each level two convolutions of 3×3, each with batch normalisation and ReLU; maxima of 2×2 on
    the way down, transposed convolutions of 2×2 on the way up. Nothing in it looks at the whole
    image, so that what it says of a pixel does not depend on what lies farther away than
    :func:`reach`.

    Parameters
    ----------
    channels, classes : int
        Of the input and of the output.
    width : int
        Feature maps at full resolution; they double with each level.
    levels : int
        Resolutions, the full one included.

    Returns
    -------
    torch.nn.Module
        (n, channels, y, x) → (n, classes, y, x), scores before the softmax; y and x are multiples
        of :func:`step`.

    Examples
    --------
    >>> network = unet(2, 4)
    >>> sum(numbers.numel() for numbers in network.parameters()) == parameter_count(2, 4)
    True
    """
    torch = require_torch("unet")
    nn, module = torch.nn, torch.nn.Module
    widths = [width * 2**level for level in range(levels)]

    def pair(before: int, after: int) -> Any:
        layers: list[Any] = []
        for entering in (before, after):
            layers += [
                nn.Conv2d(entering, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        return nn.Sequential(*layers)

    class UNet(module):  # type: ignore[misc, valid-type]
        """Down, up, and the scores."""

        def __init__(self) -> None:
            super().__init__()
            entering = [channels, *widths]
            self.down = nn.ModuleList(pair(a, b) for a, b in zip(entering, widths, strict=False))
            steps = list(pairwise(widths))
            self.up = nn.ModuleList(nn.ConvTranspose2d(wide, thin, 2, 2) for thin, wide in steps)
            self.join = nn.ModuleList(pair(2 * thin, thin) for thin, _ in steps)
            self.scores = nn.Conv2d(width, classes, 1)

        def forward(self, image: Any) -> Any:
            seen = [self.down[0](image)]
            for layer in self.down[1:]:
                seen.append(layer(nn.functional.max_pool2d(seen[-1], 2)))
            found = seen.pop()
            for up, join in zip(reversed(self.up), reversed(self.join), strict=True):
                found = join(torch.cat([seen.pop(), up(found)], dim=1))
            return self.scores(found)

    return UNet()
