"""How a network learns, told epoch by epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["epoch_told"]


def epoch_told(row: Mapping[str, float]) -> str:
    """How well a network learns, in one line.

    Parameters
    ----------
    row : mapping
        Of an epoch, as :func:`minewatch.learn.patches.fit_network` tells it.

    Returns
    -------
    str
        Loss, and of the patches that are watched loss and F1; what is not known is left out.

    Examples
    --------
    >>> epoch_told({"epoch": 3, "loss": 0.03127, "val_loss": 0.04415, "val_f1": 0.8421})
    'loss 0.0313, validation loss 0.0442, validation F1 0.842'
    """
    told = {
        "loss": f"{row['loss']:.3g}",
        "validation loss": f"{row.get('val_loss', math.nan):.3g}",
        "validation F1": f"{row.get('val_f1', math.nan):.3f}",
    }
    return ", ".join(f"{name} {value}" for name, value in told.items() if value != "nan")
