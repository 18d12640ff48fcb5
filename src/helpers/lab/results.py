"""Anybody's results as tidy rows: a run store's, with any model and settings, or a CSV's."""

import csv
import dataclasses
import io
import json
import warnings
from pathlib import Path

import pandas as pd

from ..conditions import CONDITIONS
from ..own import CLASSIFICATION, REGRESSION
from ..reference import fine_tuning_of
from .runs import Run, from_record
from .store import COLUMNS, RunStore

LOSSES = ("train_loss", "mlm_loss")
CORRELATIONS = ("matthews_correlation", *REGRESSION)  # between -1 and 1, the others in 0 to 1
METRICS = tuple(dict.fromkeys((*LOSSES, *CLASSIFICATION, *REGRESSION)))
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
        If it is no table, columns are missing, a value is none that a run could have, or one result
        stands there twice. The message names the row, counted from 0.
    FileNotFoundError
        If there is no such file or folder.

    Warns
    -----
    UserWarning
        If a file ends in the middle of a line.
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
    if _is_store(folder) and (path.is_dir() or path.name == "results.csv"):
        return _of_store(RunStore(folder))  # which knows the settings, too
    if path.is_dir():
        raise ValueError(
            f"{path} is no run store: it lacks the folders 'runs' and 'checkpoints'"
            + (f"; {path / 'runs'} is one" if _is_store(path / "runs") else "")
        )
    return _of_table(_table(path), str(path), fine_tuning_of(path.with_suffix(".json")))


def _table(path):
    """A CSV of results. Only an empty cell is a missing value: a model may be called NA."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        _check_widths(text)
        names = dict.fromkeys(("profile", "model", "condition", "task", "metric"), str)
        only_empty = {"keep_default_na": False, "na_values": [""]}
        table = pd.read_csv(io.StringIO(text), dtype=names, index_col=False, **only_empty)
    except (OSError, ValueError, csv.Error) as error:
        why = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{path} cannot be read as a CSV of results: {why}") from error
    if not text.endswith("\n"):
        warnings.warn(
            f"{path} ends in the middle of a line; if it was cut off, its last row is wrong",
            stacklevel=3,
        )
    return table


def _check_widths(text):
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    for number, row in enumerate(filter(None, rows)):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}")


def _is_store(folder):
    return (folder / "runs").is_dir() and (folder / "checkpoints").is_dir()


def existing(folder: str | Path) -> RunStore:
    """The run store of a folder that is there already."""
    if not _is_store(Path(folder)):
        raise FileNotFoundError(
            f"there is no run store in {folder}; folders are relative to {Path.cwd()}"
        )
    return RunStore(folder)


def settings_of(run):
    """What tells the results of one table from those of another: profile, and its two parts."""
    return run.profile.name, run.profile.pretraining, run.profile.fine_tuning


def _of_store(store):
    tables = _tables(store)
    return {_label(values, tables): shared_tasks(table) for values, table in tables.items()}


def rows_like(run: Run, store: RunStore) -> pd.DataFrame:
    """Tidy rows of a store's runs that have the same settings as one of them."""
    return _tables(store)[settings_of(run)]


def _tables(store):
    """Tidy rows by settings.

    Of runs that stand there twice, since data or a model were corrected, those of what is there
    now.
    """
    groups: dict = {}
    for key in store.keys():
        record = store.read(key)
        if record:
            run = from_record(record["run"])
            groups.setdefault(settings_of(run), []).append((key, run, record["rows"]))
    if not groups:
        raise ValueError(f"{store.folder} has no finished runs yet")
    found = {}
    for values, records in groups.items():
        table = _table_of(records)
        if table.duplicated(CELL).any():
            now = [(key, run, rows) for key, run, rows in records if key == run.key]
            table = _table_of(now)
            if table.empty or table.duplicated(CELL).any():
                raise ValueError(
                    f"{store.folder} holds the same runs twice, made of other data or another "
                    "model, and none of them or several are of those that are here now. Give each "
                    "a folder of its own with --out"
                )
            warnings.warn(
                f"{len(records) - len(now)} runs in {store.folder} were made of other data or "
                "another model than are here now; they are left out",
                stacklevel=4,
            )
        table.attrs["fine_tuning"] = json.loads(json.dumps(dataclasses.asdict(values[2])))
        found[values] = table
    return found


def _table_of(records):
    return pd.DataFrame([row for *_, rows in records for row in rows], columns=COLUMNS)


def _label(values, groups):
    """The model's name, with what tells it from other settings of the same model."""
    both = vars(values[1]).keys() & vars(values[2]).keys()  # such as batch

    def flat(group):
        parts = zip(("pretraining", "fine_tuning"), group[1:])
        return {"profile": group[0]} | {
            f"{part}.{name}" if name in both else name: value
            for part, of in parts
            for name, value in vars(of).items()
        }

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
    if table.empty:
        raise ValueError(f"{where} has no rows, so there is nothing to judge")
    given = table.assign(learning_rate=table.get("learning_rate", float("nan")))[COLUMNS]
    table = given.copy()
    for name in ("sparsity", "seed", "learning_rate", "value"):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    table["sparsity"] = table.sparsity.round(9)  # 0.1 * 3 is meant as 0.3
    for right, name, words in _rules(table, given.learning_rate.isna()):
        if not right.all():
            row = int((~right).to_numpy().argmax())
            raise ValueError(
                f"{where}, row {row}: {name} is {given[name].tolist()[row]!r}; it must be {words}"
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


def _rules(table, no_rate):
    """Which rows of a table are right, by which column, and what that must be."""
    value, close = table.value, 1 + 1e-9
    loss, correlation = table.metric.isin(LOSSES), table.metric.isin(CORRELATIONS)
    pruned = table.condition.isin(name for name, one in CONDITIONS.items() if one.prunes)
    rate = table.learning_rate.between(0, float("inf"), "neither")
    fraction = "a fraction in [0, 1), so 0.6 for 60%"
    return [
        *((table[name].notna(), name, "a name") for name in ("profile", "model", "task")),
        (table.condition.isin(CONDITIONS), "condition", f"one of {', '.join(CONDITIONS)}"),
        (table.metric.isin(METRICS), "metric", f"one of {', '.join(METRICS)}"),
        (table.sparsity.between(0, 1, "left"), "sparsity", fraction),
        (pruned | (table.sparsity == 0), "sparsity", "0 for a condition that prunes nothing"),
        (table.seed.between(0, 2**32 - 1) & (table.seed % 1 == 0), "seed", "a whole number"),
        (no_rate | rate, "learning_rate", "a finite number above 0, or nothing"),
        (value.abs() < float("inf"), "value", "a finite number"),
        (~loss | (value >= 0), "value", "0 or more, since it is a loss"),
        (~correlation | (value.abs() <= close), "value", "a correlation, from -1 to 1"),
        (
            loss | correlation | value.between(0, close),
            "value",
            "a fraction in [0, 1], so 0.6 for 60%",
        ),
    ]


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
