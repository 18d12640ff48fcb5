"""The results that ship with the course, each with how it was made."""

import json
from pathlib import Path

import pandas as pd

from .profiles import ASSETS

# The results that ship with the course, under the names they have in figures
NAMES = {"tiny": "pocket BERT", "bert-tiny": "BERT-tiny", "minilm": "MiniLM-L6"}


def rows(name: str) -> pd.DataFrame:
    """Results that ship with the course, as tidy rows.

    Their ``attrs["fine_tuning"]`` are the values of `helpers.profiles.FineTuning` that they were
    made with.

    Parameters
    ----------
    name : str
        One of `NAMES`: "tiny" is the pocket BERT, "bert-tiny" and "minilm" are real models on real
        GLUE, with reduced settings (see `note`).
    """
    table = pd.read_csv(_file(name, "csv"))
    if made := fine_tuning_of(_file(name, "json")):
        table.attrs["fine_tuning"] = made
    return table


def fine_tuning_of(note: Path) -> dict | None:
    """The values of `helpers.profiles.FineTuning` that the JSON beside results files, if any."""
    if not note.is_file():
        return None
    try:
        made = dict(json.loads(note.read_text(encoding="utf-8")).get("profile", {}))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{note} does not say how the results beside it were made ({error}); correct it, or "
            "move it away"
        ) from error
    # records made before profiles had parts are flat
    flat = not isinstance(made.get("fine_tuning"), dict)
    return (made if flat else made["fine_tuning"]) or None


def shipped(name: str) -> bool:
    """Whether results of a name ship with the course, as `rows` takes it."""
    return (ASSETS / "reference" / f"{name}.csv").is_file()


def sources() -> dict[str, pd.DataFrame]:
    """All of `NAMES`: name in figures → tidy rows, as `helpers.plots.curves` takes them."""
    return {label: rows(name) for name, label in NAMES.items()}


def note(name: str, commands: bool = True) -> str:
    """A few sentences on how the results of `rows` were made, with the commands if wanted."""
    made = json.loads(_file(name, "json").read_text())
    seeds = ", ".join(map(str, made["seeds"]))
    text = (
        f"Reference results '{name}': {made['runs']:,} runs with seeds {seeds}, "
        f"at most {made['train_rows']:,} training and {made['dev_rows']:,} validation examples "
        f"a task, {made['mlm_steps']:,} MLM steps; {made['date']}, {made['machine']}, "
        f"{made['wall_minutes']} minutes of one core."
    )
    return "\n".join(
        [
            text,
            *([f"  {made['remark']}"] if "remark" in made else []),
            *(f"  {command}" for command in made["commands"] if commands),
        ]
    )


def _file(name, suffix):
    path = ASSETS / "reference" / f"{name}.{suffix}"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.csv"))
        raise ValueError(f"no reference results {name!r}; there are {', '.join(known) or 'none'}")
    return path


COSTS = ASSETS / "cost"


def weights() -> pd.DataFrame:
    """How fine-tuning moves weights, measured by ``benchmarks/weights.py``: a row a measurement.

    Returns
    -------
    pandas.DataFrame
        Columns ``model``, ``task`` ("all" for what needs no task), ``seed``, ``quantity``, ``at``
        (the epoch, or the sparsity) and ``value``, a fraction.
    """
    return pd.read_csv(_file("weights", "csv"))


def costs(name: str) -> pd.DataFrame:
    """The costs measured by ``benchmarks`` that ship with the course.

    Parameters
    ----------
    name : {"bytes", "milliseconds", "two_of_four"}

    Returns
    -------
    pandas.DataFrame
        ``bytes``: columns ``model``, ``format``, ``sparsity``, ``bytes``. ``milliseconds``: as from
        `helpers.cost.speed.engine_times`. ``two_of_four``: as from
        `helpers.cost.speed.two_of_four_times`; `gpu` says where.
    """
    path = COSTS / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in COSTS.glob("*.csv")))
        raise ValueError(f"no shipped costs {name!r}; there are {known}")
    return pd.read_csv(path)


def gpu() -> dict:
    """What ``benchmarks/gpu.py`` measured on a GPU: its name, the machine, steps a second."""
    return json.loads((COSTS / "gpu.json").read_text())


def costs_note() -> str:
    """Where the shipped costs were measured, and how."""
    note, rounds = json.loads((COSTS / "machine.json").read_text()), costs("milliseconds").repeats
    versions = ", ".join(
        f"{package} {version}"
        for package, version in note["versions"].items()
        if package in ("torch", "openvino", "torchao", "zstandard")
    )
    commands = "\n".join(f"  {command}" for command in note["commands"])
    return (
        f"Shipped figures: {note['processor']}, threads: {note['threads']}, "
        f"{note['tokens']} tokens a sentence, medians of {rounds.min()} to {rounds.max()} rounds; "
        f"{versions}; {note['date']}.\n{commands}"
    )
