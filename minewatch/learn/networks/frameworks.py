"""The two libraries of networks, asked for by the function that needs them."""

from __future__ import annotations

from typing import Any

__all__ = ["require_onnxruntime", "require_torch"]


def require_torch(by: str) -> Any:
    """The module torch.

    Parameters
    ----------
    by : str
        Who needs it; the error begins with this name.

    Returns
    -------
    module
        torch.

    Raises
    ------
    ImportError
        If it is not installed.

    See Also
    --------
    require_onnxruntime : to ask a network that is taught already.

    Examples
    --------
    >>> require_torch("fit_network").nn.ReLU()
    ReLU()
    """
    try:
        import torch
    except ImportError as error:
        raise _lacking(by, "torch", "cnn-train") from error
    return torch


def require_onnxruntime(by: str) -> Any:
    """The module onnxruntime.

    Parameters
    ----------
    by : str
        Who needs it; the error begins with this name.

    Returns
    -------
    module
        onnxruntime.

    Raises
    ------
    ImportError
        If it is not installed.

    See Also
    --------
    require_torch : to teach a network.

    Examples
    --------
    >>> "CPUExecutionProvider" in require_onnxruntime("scan").get_available_providers()
    True
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise _lacking(by, "onnxruntime", "cnn") from error
    return onnxruntime


def _lacking(by: str, library: str, extra: str) -> ImportError:
    message = f"{by} needs {library}, which is not installed; pip install 'minewatch[{extra}]'"
    return ImportError(message)
