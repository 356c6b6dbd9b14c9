"""A run is described by one frozen dataclass, written as TOML, read back as the same dataclass."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tomllib
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from minewatch._files import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["help_of", "option", "read_settings", "set_aside", "write_settings"]

SettingsT = TypeVar("SettingsT")

EARLIER = ".earlier"
"""Ends the stem of settings whose run's results another has begun to replace."""


def option(default: Any, text: str, *, path: bool = False) -> Any:
    """Declare one field of a settings dataclass.

    Parameters
    ----------
    default : object
        Its default; `dataclasses.MISSING` if the user must give it.
    text : str
        What it means, for the command line's ``--help``.
    path : bool
        Whether it names a file or folder: relative ones in a TOML file start from that file.

    Returns
    -------
    dataclasses.Field
        The field.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     looks: float = option(4.4, "equivalent number of looks")
    >>> Settings().looks
    4.4
    """
    return dataclasses.field(default=default, metadata={"help": text, "path": path})


def help_of(settings: type, name: str) -> str:
    """What a field means, as declared by :func:`option`.

    Parameters
    ----------
    settings : type
        A settings dataclass.
    name : str
        The field.

    Returns
    -------
    str
        Its help text.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     looks: float = option(4.4, "equivalent number of looks")
    >>> help_of(Settings, "looks")
    'equivalent number of looks'
    """
    fields = {field.name: field for field in dataclasses.fields(settings)}
    return str(fields[name].metadata.get("help", ""))


def read_settings(
    settings: type[SettingsT],
    path: str | os.PathLike[str] | None = None,
    *,
    preset: Mapping[str, object] | None = None,
    **given: object,
) -> SettingsT:
    """Read a run's settings from a TOML file, with some of them given directly.

    Parameters
    ----------
    settings : type
        A settings dataclass, e.g. :class:`minewatch.workflows.ActivitySettings`.
    path : str or path-like, optional
        TOML file; its keys are the fields. A table named ``provenance`` is passed over, so that
        the ``run.toml`` beside a result describes a run that can be run again.
    preset : mapping, optional
        Fields to begin with; the file and what is given directly win over them.
    **given
        Fields that win over the file; None counts as not given.

    Returns
    -------
    object
        The settings.

    Raises
    ------
    ValueError
        If a key is unknown, has the wrong type or is missing, or the file is no TOML.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     looks: float = option(4.4, "equivalent number of looks")
    >>> read_settings(Settings, looks=18)
    Settings(looks=18.0)
    >>> read_settings(Settings, look=18)
    Traceback (most recent call last):
    ...
    ValueError: Settings has no setting 'look'; did you mean 'looks'?
    """
    source = settings.__name__ if path is None else f"{path}"
    values: dict[str, object] = dict(preset or {})
    if path is not None:
        values.update(_from_file(settings, Path(path)))
    values.update({key: value for key, value in given.items() if value is not None})
    hints = typing.get_type_hints(settings)
    fields = {field.name: field for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            message = f"{source} has no setting {key!r}; {_closest(key, list(fields))}"
            raise ValueError(message)
    missing = [
        name
        for name, field in fields.items()
        if name not in values and field.default is dataclasses.MISSING
    ]
    if missing:
        message = f"{settings.__name__} needs {', '.join(map(repr, missing))}: " + "; ".join(
            f"{name} is {help_of(settings, name)}" for name in missing
        )
        message += "; give it as an option, or as a key of the TOML file"
        raise ValueError(message)
    return settings(
        **{key: _coerce(value, hints[key], f"{source}: {key}") for key, value in values.items()}
    )


def _from_file(settings: type, path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as stream:
            values: dict[str, object] = tomllib.load(stream)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is not valid TOML ({error}); give the run.toml that a run left"
        raise ValueError(message) from error
    values.pop("provenance", None)
    for field in dataclasses.fields(settings):
        value = values.get(field.name)
        if field.metadata.get("path") and isinstance(value, str) and value:
            values[field.name] = _beside(path, value)
    return values


def _beside(file: Path, value: str) -> str:
    if "://" in value or Path(value).is_absolute():
        return value
    return str(file.resolve().parent / value)


def _closest(key: str, names: list[str]) -> str:
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it has {', '.join(sorted(names))}"


def _coerce(value: object, hint: Any, where: str) -> object:
    """Bring a TOML or command-line value to the declared type, or say why that cannot be."""
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        if value is None:
            return None
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _coerce(value, inner, where)
    if typing.get_origin(hint) is typing.Literal:
        if value not in arguments:
            message = f"{where} = {value!r} is not one of {', '.join(map(repr, arguments))}"
            raise ValueError(message)
        return value
    if typing.get_origin(hint) is tuple:
        return _coerce_tuple(value, arguments, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, int | float | os.PathLike) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        message = f"{where} = {value!r} is a {type(value).__name__}, needs a {hint.__name__}"
        raise ValueError(message)
    return value


def _coerce_tuple(value: object, arguments: tuple[Any, ...], where: str) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        message = f"{where} = {value!r} needs a list, e.g. [3, 10]"
        raise ValueError(message)
    if arguments[-1] is Ellipsis:
        return tuple(_coerce(item, arguments[0], where) for item in value)
    if len(value) != len(arguments):
        message = f"{where} = {list(value)!r} has {len(value)} numbers, needs {len(arguments)}"
        raise ValueError(message)
    return tuple(_coerce(item, kind, where) for item, kind in zip(value, arguments, strict=True))


def write_settings(
    settings: object,
    path: str | os.PathLike[str],
    *,
    provenance: dict[str, object] | None = None,
) -> Path:
    """Write resolved settings as TOML, so that the run can be run again.

    Those of an earlier run that :func:`set_aside` kept beside them are removed.

    Parameters
    ----------
    settings : dataclass instance
        The settings; None is left out. Paths are written absolute.
    path : str or path-like
        Where to.
    provenance : dict, optional
        Versions and inputs, written as a table that :func:`read_settings` passes over, with the
        kind of the settings, by which the run can be repeated.

    Returns
    -------
    pathlib.Path
        The file, whole or not there at all.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Settings:
    ...     window: tuple[int, int] = option((3, 10), "rows and columns")
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_settings(Settings((2, 7)), Path(folder) / "run.toml")
    ...     print(read_settings(Settings, path))
    Settings(window=(2, 7))
    """
    lines = []
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if field.metadata.get("path") and isinstance(value, str) and value:
            value = value if "://" in value else str(Path(value).resolve())
        if value is not None:
            lines += [f"# {field.metadata.get('help', '')}", f"{field.name} = {_toml(value)}"]
    if provenance:
        told = {"settings": type(settings).__name__, **provenance}
        lines += ["", "[provenance]"]
        lines += [f"{json.dumps(key)} = {_toml(value)}" for key, value in told.items()]
    with whole(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _earlier(Path(path)).unlink(missing_ok=True)
    return Path(path)


def set_aside(path: Path) -> None:
    """Rename the settings of an earlier run, before the first of its results is replaced.

    ``run.toml`` becomes ``run.earlier.toml``, until :func:`write_settings` writes the new one: a
    run that fails half-way leaves no settings beside results that they do not describe. Its record,
    ``provenance.json``, is removed.

    Parameters
    ----------
    path : pathlib.Path
        The settings, which need not be there.
    """
    path.with_name("provenance.json").unlink(missing_ok=True)
    if path.is_file():
        path.replace(_earlier(path))


def _earlier(path: Path) -> Path:
    return path.with_name(f"{path.stem}{EARLIER}{path.suffix}")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
