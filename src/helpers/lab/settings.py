"""Settings given as text: values of a profile, and a whole sweep in a TOML file."""

import json
import tomllib
from pathlib import Path

from .. import profiles
from .runs import as_tuples

PARTS = ("pretraining", "fine_tuning")


def words_of(path: str | Path, options: dict) -> list[str]:
    """A sweep's TOML file as words of a command line, which come before those that are typed.

    Parameters
    ----------
    path : str or path
        Top-level keys are options without their dashes (``sparsities = [0.5, 0.9]``), the tables
        ``[pretraining]`` and ``[fine_tuning]`` hold fields of the profile (``"null"`` is None), and
        each table ``[task.NAME]`` describes a task of one's own, as for `helpers.own.describe`.
    options : dict of str to object
        The options that there are, each with its ``nargs`` as `argparse` takes it.

    Returns
    -------
    list of str

    Raises
    ------
    OSError, ValueError
        If the file is not there, is no TOML, or has a key that is unknown.
    """
    try:
        with open(path, "rb") as file:
            values = tomllib.load(file)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no file {path}; name a TOML file, or write --help for the options"
        ) from None
    except OSError as error:
        raise type(error)(f"{path} cannot be read: {error.strerror}; name a TOML file") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    words: list[str] = []
    for key, value in values.items():
        name = key.replace("_", "-")
        if key in PARTS and isinstance(value, dict):
            words += ["--set", *(f"{key}.{field}={_text(v)}" for field, v in value.items())]
        elif key == "checkpoint_every":
            words += ["--set", f"{key}={_text(value)}"]
        elif key == "task" and _is_tables(value):
            for task, fields in value.items():
                fields = {"name": task} | fields
                words += ["--task", *(f"{field}={_commas(v)}" for field, v in fields.items())]
        elif name not in options or isinstance(value, dict):
            known = ", ".join(option.replace("-", "_") for option in options)
            raise ValueError(
                f"{path}: unknown key {key!r}; there are {known}, checkpoint_every, the tables "
                "[pretraining] and [fine_tuning], and [task.NAME] for each task of your own"
            )
        elif isinstance(value, bool) and options[name] in (0, "?"):
            words += [f"--{name}"] if value else []
        elif isinstance(value, bool) or options[name] == 0:
            which = "must" if options[name] == 0 else "cannot"
            raise ValueError(f"{path}: {key} {which} be true or false, got {value!r}")
        else:
            values_ = value if isinstance(value, list) else [value]
            words += [f"--{name}", *(str(one) for one in values_)]
    return words


def _is_tables(value):
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def _text(value):
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _commas(value):
    if not isinstance(value, list):
        return value
    words = [str(one) for one in value]
    return json.dumps(words) if any("," in word for word in words) else ",".join(words)


def with_settings(profile, settings):
    """A profile with other values, given as texts.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    settings : list of str
        Each ``field=value`` or ``part.field=value``; values that are no text are JSON.

    Returns
    -------
    helpers.profiles.Profile

    Raises
    ------
    ValueError
        If there is no such field, both parts have it, or the value is not of its kind.
    """
    for text in settings:
        path, equals, value = text.partition("=")
        if not equals:
            raise ValueError(
                f"--set takes FIELD=VALUE, such as pretraining.steps=100, got {text!r}"
            )
        part, name = _field(path)
        values = getattr(profile, part) if part else profile
        value = _value(name, value, type(values).__annotations__[name], getattr(values, name))
        profile = profile.replace(**({part: {name: value}} if part else {name: value}))
    return profile


def _field(path):
    """The part and the name of a field."""
    if path == "checkpoint_every":  # of the profile's own fields the one without an option
        return "", path
    part, _, name = path.rpartition(".")
    having = [p for p in PARTS if part in ("", p) and name in _kind(p).__annotations__]
    if len(having) > 1:
        names = " or ".join(f"{part}.{name}" for part in having)
        raise ValueError(f"both parts of the profile have {name!r}; write {names}")
    if not having:
        fields = "; ".join(f"{p}: {', '.join(_kind(p).__annotations__)}" for p in PARTS)
        raise ValueError(
            f"the profile has no field {path!r} that --set could change; it has checkpoint_every; "
            f"{fields}"
        )
    return having[0], name


def _kind(part):
    return profiles.Profile.__annotations__[part]


def _value(name, text, kind, now):
    try:
        value = json.loads(text) if kind is not str else text
    except (json.JSONDecodeError, RecursionError):
        value = text
    value = as_tuples([[k, v] for k, v in value.items()] if isinstance(value, dict) else value)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool) != (kind is bool):
        kind = getattr(kind, "__name__", kind)
        raise ValueError(f"{name} must be {kind}, such as {json.dumps(now)}, got {value!r}")
    return value
