"""Command-line options made from a settings dataclass, so that each setting is told once."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minewatch.workflows.settings import help_of, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["settings_command"]

RunT = typing.TypeVar("RunT")


def settings_command(
    settings: type[Any],
    *,
    argument: str,
    metavar: str,
    presets: Mapping[str, Mapping[str, object]] | None = None,
    toml: bool = True,
    ask: Callable[..., None] | None = None,
) -> Callable[[Callable[[Any], None]], Callable[..., None]]:
    """Turn ``run(settings)`` into a command with an option for every setting.

    Parameters
    ----------
    settings : type
        The settings dataclass.
    argument : str
        The field that is given without a name; a ``.toml`` file there is read as settings.
    metavar : str
        What ``--help`` calls that argument.
    presets : mapping, optional
        Name → settings to begin with; adds ``--preset``.
    toml : bool
        Whether a ``.toml`` file there holds settings; otherwise it is what the field says.
    ask : callable, optional
        ``ask(settings, yes=…)`` is called before the run, and may end it; adds ``--yes``.

    Returns
    -------
    callable
        A decorator for the function that takes the settings.

    Examples
    --------
    >>> from minewatch.workflows.settings import option
    >>> @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     input: str = option("", "the input")
    ...     looks: float = option(4.4, "equivalent number of looks")
    >>> @settings_command(Settings, argument="input", metavar="INPUT")
    ... def run(settings):
    ...     print(settings.looks)
    >>> run(input="pit", looks=18.0)
    18.0
    """

    def decorate(run: Callable[[Any], None]) -> Callable[..., None]:
        def command(**given: Any) -> None:
            source = given.pop(argument)
            preset = _preset(presets, given.pop("preset", None))
            yes = bool(given.pop("yes", False))
            if toml and source is not None and source.endswith(".toml"):
                told = read_settings(settings, source, preset=preset, **given)
            else:
                told = read_settings(settings, preset=preset, **{argument: source}, **given)
            if ask is not None:
                ask(told, yes=yes)
            run(told)

        parameters = [_argument(argument, metavar, settings, toml=toml)]
        if presets:
            parameters.append(_preset_option(presets))
        hints = typing.get_type_hints(settings)
        for field in dataclasses.fields(settings):
            if field.name != argument:
                parameters.append(_option(field, hints[field.name]))
        if ask is not None:
            parameters.append(_yes())
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        command.__name__ = run.__name__
        command.__doc__ = run.__doc__
        return command

    return decorate


def _preset(
    presets: Mapping[str, Mapping[str, object]] | None, name: str | None
) -> Mapping[str, object] | None:
    if name is None or presets is None:
        return None
    if name not in presets:
        message = f"preset {name!r} is not known; use {' or '.join(map(repr, presets))}"
        raise ValueError(message)
    return presets[name]


def _preset_option(presets: Mapping[str, Mapping[str, object]]) -> inspect.Parameter:
    text = f"settings to begin with, as published: {' or '.join(presets)}"
    kind = Annotated[str | None, typer.Option(help=text, show_default=False)]
    return inspect.Parameter(
        "preset", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind
    )


def _yes() -> inspect.Parameter:
    kind = Annotated[bool, typer.Option("--yes", help="do not ask before a large run")]
    return inspect.Parameter("yes", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)


def _argument(name: str, metavar: str, settings: type[Any], *, toml: bool) -> inspect.Parameter:
    text = help_of(settings, name)
    if toml:
        text += "; or a TOML file with all settings, as written by a run"
    kind = Annotated[str | None, typer.Argument(help=text, metavar=metavar, show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def _option(field: dataclasses.Field[Any], hint: Any) -> inspect.Parameter:
    """Describe one option; its default is None, so that the TOML file's value can stand."""
    text = str(field.metadata.get("help", ""))
    if field.default not in (None, "", (), dataclasses.MISSING):
        shown = field.default
        shown = " ".join(map(str, shown)) if isinstance(shown, tuple) else shown
        text += f" [dim]\\[default: {shown}][/dim]"
    elif field.default is dataclasses.MISSING:
        text += " [red]\\[needed][/red]"
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and arguments[-1] is Ellipsis:
        hint = list[arguments[0]]  # type: ignore[valid-type]
    if type(None) not in typing.get_args(hint):
        hint = hint | None
    kind = Annotated[hint, typer.Option(help=text, show_default=False)]
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind
    )
