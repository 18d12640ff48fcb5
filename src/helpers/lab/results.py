"""Anybody's results as tidy rows: a run store's, with any model and settings, or a CSV's."""

import dataclasses
import json
from pathlib import Path

import pandas as pd

from ..reference import fine_tuning_of
from .runs import from_record
from .store import COLUMNS, RunStore

CELL = [name for name in COLUMNS if name != "value"]


def read(source: str | Path | pd.DataFrame | RunStore) -> dict[str, pd.DataFrame]:
    """Tidy rows for each model and settings that a source holds, ready for `claims.judge`.

    Parameters
    ----------
    source : str, path, pandas.DataFrame or RunStore
        The folder of a run store or its ``results.csv``; another CSV with the columns of
        ``results.csv``, such as a colleague's; or rows.

    Returns
    -------
    dict of str to pandas.DataFrame
        By the model's name, with the settings where one model was run with several. The rows know
        how long was fine-tuned, where that is filed (``attrs["fine_tuning"]``), and are of the
        tasks that share most runs, so that all means are over the same tasks.

    Raises
    ------
    ValueError
        If columns are missing, a value is no number, or one result stands there twice.
    FileNotFoundError
        If there is no such file or folder.
    """
    if isinstance(source, RunStore):
        return _of_store(source)
    if isinstance(source, pd.DataFrame):
        return _of_table(source, "the rows")
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path}; give the folder of a run store, or a CSV with the columns "
            f"{', '.join(COLUMNS)}. Folders are relative to {Path.cwd()}"
        )
    folder = path if path.is_dir() else path.parent
    if (folder / "runs").is_dir() and (path.is_dir() or path.name == "results.csv"):
        return _of_store(RunStore(folder))  # which knows the settings, too
    if path.is_dir():
        raise ValueError(f"{path} is no run store: it has no folder 'runs'")
    return _of_table(pd.read_csv(path), str(path), fine_tuning_of(path.with_suffix(".json")))


def existing(folder: str | Path) -> RunStore:
    """The run store of a folder that is there already."""
    if not (Path(folder) / "runs").is_dir():
        raise FileNotFoundError(
            f"there is no run store in {folder}; folders are relative to {Path.cwd()}"
        )
    return RunStore(folder)


def _of_store(store):
    groups: dict = {}
    for key in store.keys():
        record = store.read(key)
        if record:
            run = from_record(record["run"])
            values = run.profile.name, run.profile.pretraining, run.profile.fine_tuning
            groups.setdefault(values, []).extend(record["rows"])
    if not groups:
        raise ValueError(f"{store.folder} has no finished runs yet")
    found = {}
    for values, rows in groups.items():
        table = pd.DataFrame(rows, columns=COLUMNS)
        table.attrs["fine_tuning"] = json.loads(json.dumps(dataclasses.asdict(values[2])))
        found[_label(values, groups)] = shared_tasks(table)
    return found


def _label(values, groups):
    """The model's name, with what tells it from other settings of the same model."""
    flat = lambda group: {"profile": group[0]} | vars(group[1]) | vars(group[2])
    own, model = flat(values), values[1].model
    alike = [flat(group) for group in groups if group[1].model == model]
    told = [
        f"{name}={value}"
        for name, value in own.items()
        if any(other[name] != value for other in alike)
    ]
    return f"{model} ({', '.join(told)})" if told else model


def _of_table(table, where, fine_tuning=None):
    missing = [name for name in COLUMNS if name not in table and name != "learning_rate"]
    if missing:
        raise ValueError(
            f"{where}: there is no column {', '.join(missing)}; a table of results has "
            f"{', '.join(COLUMNS)}, a row for each metric of a run, sparsity and accuracy as "
            "fractions"
        )
    table = table.assign(learning_rate=table.get("learning_rate", float("nan")))[COLUMNS]
    for name in ("sparsity", "value", "seed"):
        numbers = pd.to_numeric(table[name], errors="coerce")
        if numbers.isna().any():
            row = int(numbers.isna().to_numpy().argmax())
            raise ValueError(
                f"{where}, row {row}: {name} is {table[name].iloc[row]!r}; it must be a number"
            )
        table[name] = numbers
    wrong = (table.sparsity < 0) | (table.sparsity >= 1)
    wrong |= (table.metric == "accuracy") & ~table.value.between(0, 1)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise ValueError(
            f"{where}, row {row}: sparsity is {table.sparsity.iloc[row]:g} and "
            f"{table.metric.iloc[row]} {table.value.iloc[row]:g}; both are fractions here, so "
            "write 0.6 for 60%"
        )
    twice = table.duplicated(CELL)
    if twice.any():
        raise ValueError(
            f"{where}, row {int(twice.to_numpy().argmax())}: this result stands there twice, so "
            "runs with different settings are mixed. Give each of them a profile's name of its "
            "own, or the run store itself, which knows the settings"
        )
    found = {}
    for (profile, model), rows in table.groupby(["profile", "model"], sort=False):
        label = model if table.groupby("model").profile.nunique()[model] == 1 else None
        rows = shared_tasks(rows.reset_index(drop=True))
        if fine_tuning:
            rows.attrs["fine_tuning"] = fine_tuning
        found[label or f"{model} ({profile})"] = rows
    return found


def shared_tasks(rows: pd.DataFrame) -> pd.DataFrame:
    """Of the tasks that were run both dense and pruned, the rows of those that share most runs.

    All rows, if no task was.
    """
    runs = {
        task: set(zip(of_task.condition, of_task.sparsity, of_task.seed))
        for task, of_task in rows.groupby("task")
        if (of_task.condition == "dense").any() and (of_task.sparsity > 0).any()
    }
    if not runs:
        return rows
    tasks = sorted(runs, key=lambda task: -len(runs[task]))
    shared = {
        count: count * len(set.intersection(*(runs[task] for task in tasks[:count])))
        for count in range(1, len(tasks) + 1)
    }
    return rows[rows.task.isin(tasks[: max(shared, key=shared.get)])]
