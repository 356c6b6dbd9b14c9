"""Before a large run somebody is asked, if somebody is there."""

from __future__ import annotations

import sys
import warnings
from typing import Any, TextIO

import typer

from minewatch.workflows.planning_limits import why_ask

__all__ = ["ask_first"]


def ask_first(settings: Any, *, yes: bool) -> None:
    """Ask before a run that is large; where there is no terminal, warn and go on.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    yes : bool
        Whether it was said already that it may be large.

    Raises
    ------
    typer.Abort
        If the answer is no.

    Warns
    -----
    UserWarning
        If nobody can be asked.
    """
    reasons = [] if yes else why_ask(settings)
    if not reasons:
        return
    text = f"this run is large: {'; '.join(reasons)}"
    if _is_terminal(sys.stdin) and _is_terminal(sys.stderr):
        typer.confirm(f"{text} (minewatch plan tells more). Go on?", abort=True, err=True)
        return
    warnings.warn(
        f"{text}; it goes on, since nobody can be asked here (--yes leaves this out, minewatch "
        "plan tells more)",
        UserWarning,
        stacklevel=2,
    )


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody may sit there; a stream that was closed (``<&-``) is None."""
    return stream is not None and not stream.closed and stream.isatty()
