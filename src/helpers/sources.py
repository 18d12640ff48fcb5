"""Models and data where they lie: a hub id, a mirror's folder, a file; errors that say why not."""

import csv
import hashlib
import json
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

import datasets
import pandas as pd
import pyarrow.parquet
from datasets import Dataset, DatasetDict, load_dataset, load_dataset_builder
from safetensors import safe_open

from .profiles import locate, mirror, stamp
from .pruning import UnsupportedFamily

Loaded = TypeVar("Loaded")


def load(name: str, how: Callable[[], Loaded], config: str | None = None) -> Loaded:
    """What ``how()`` loads, or an error that says why not and which ways are open.

    Parameters
    ----------
    name : str
        Hub id, folder or "pocket", as `helpers.profiles.locate` takes it.
    how : callable
    config : str, optional
        Of a data set; for the error.

    Raises
    ------
    FileNotFoundError
        If it is not there, or the hub cannot be reached.
    OSError
        If a file of a folder is damaged; the message names the file.
    ValueError
        If the model is of a family that this course cannot prune.
    """
    try:
        return how()
    except (UnsupportedFamily, MemoryError):
        raise
    except Exception as error:
        what, root = f"{name} ({config})" if config else name, _root(error)
        why = f"{type(root).__name__}: {(str(root).splitlines() or [''])[0][:200]}"
        folder = Path(locate(name))
        if folder.is_dir():
            damaged = _damaged(folder)
            if damaged:
                raise OSError(
                    f"cannot load {what}: the file {damaged[0]} cannot be read ({damaged[1]}). "
                    "Copy it anew."
                ) from error
            raise FileNotFoundError(
                f"cannot load {what} from {folder}: {why}. Complete the folder, point HUB_MIRROR "
                "at another one, or set PRUNING_PROFILE=tiny, which needs none."
            ) from error
        where = f"under HUB_MIRROR={mirror()}" if mirror() else "locally (HUB_MIRROR is not set)"
        raise FileNotFoundError(
            f"cannot load {what}: it is not {where}, and the hub gave {why}. Check the name and "
            "the network, point HUB_MIRROR at a folder laid out by hub id, or set "
            "PRUNING_PROFILE=tiny, which needs neither."
        ) from error


def _root(error):
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _open_safetensors(path):
    with safe_open(path, framework="pt"):
        pass


_READERS = {
    ".parquet": pyarrow.parquet.ParquetFile,
    ".safetensors": _open_safetensors,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
}


def _damaged(folder):
    """The first file of a folder that cannot be opened, and why; or None."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix in _READERS):
        try:
            _READERS[path.suffix](path)
        except Exception as error:
            return path, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
    return None


def remember(size: int, sources: Callable) -> Callable:
    """As `functools.lru_cache`, but what was read is forgotten when the files behind it change.

    ``sources(*arguments)`` gives the hub ids or folders that a call reads.
    """

    def wrap(function):
        @lru_cache(maxsize=size)
        def remembered(stamps, *arguments, **options):
            return function(*arguments, **options)

        @wraps(function)
        def current(*arguments, **options):
            stamps = tuple(stamp(locate(source)) for source in sources(*arguments, **options))
            found = remembered(stamps, *arguments, **options)
            # a dict of the caller's own: what is put into it stays out of later calls
            return DatasetDict(found) if isinstance(found, DatasetDict) else found

        current.cache_clear = remembered.cache_clear
        return current

    return wrap


def load_data(name: str, config: str | None, **options) -> DatasetDict:
    """As `datasets.load_dataset`, whose cache knows a local folder only by its last name."""
    where, options = locate(name), _cache(name) | options
    return load(name, lambda: load_dataset(where, config, **options), config)


def check_data(name: str, config: str | None) -> None:
    """Raise the error of `load_data`, if there is one, without reading or fetching the data."""
    where, options = locate(name), _cache(name)
    load(name, lambda: load_dataset_builder(where, config, **options), config)


def _cache(name):
    """A cache of its own for what a folder holds now."""
    files = stamp(locate(name))
    if not files:
        return {}
    key = hashlib.sha256(repr(files).encode()).hexdigest()[:16]
    return {"cache_dir": str(Path(datasets.config.HF_DATASETS_CACHE) / f"folder-{key}")}


# An empty cell is a missing value, and nothing else is: "None" and "NA" may be labels
_CSV = {"keep_default_na": False, "na_values": [""], "low_memory": False}
FILES = {
    ".csv": lambda path: pd.read_csv(path, **_CSV),
    ".tsv": lambda path: _read_tsv(path),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False, encoding="utf-8-sig"),
    ".parquet": pyarrow.parquet.read_table,
}
# what the file of a folder's validation split may be called
_VALIDATION = ("validation", "valid", "val", "dev")


def read(name: str, config: str | None = None) -> DatasetDict:
    """All splits of a file, a folder or a hub data set, as they are.

    Parameters
    ----------
    name : str
        A file or a folder of files (CSV, TSV, JSONL or Parquet), or a hub id. A file alone is the
        split ``train``; in a folder the files are called by their splits, such as ``train.csv`` and
        ``dev.csv``.
    config : str, optional
        Of a hub data set that has several.

    Returns
    -------
    datasets.DatasetDict

    Raises
    ------
    OSError
        If it is not there or cannot be read.
    ValueError
        If it is a file of another kind, or a configuration is asked of a file.
    """
    where = Path(locate(name))
    if where.suffix in FILES and not where.is_dir():
        if config is not None:
            raise ValueError(
                f"{name} is a file, which has no configuration {config!r}; leave it out"
            )
        return DatasetDict({"train": _read_file(where)})
    if where.is_file():
        raise ValueError(
            f"{name} is a file of a kind that is not read here; give one of {', '.join(FILES)}, "
            "with a header of column names, or a line of JSON for each row"
        )
    files = sorted(p for p in where.glob("*") if p.suffix in FILES) if where.is_dir() else []
    if not files:
        return load_data(name, config)
    found: dict[str, list[Dataset]] = {}
    for path in files:
        split = path.name.partition(".")[0].partition("-")[0].lower()
        found.setdefault("validation" if split in _VALIDATION else split, []).append(
            _read_file(path)
        )
    return DatasetDict(
        {split: datasets.concatenate_datasets(parts) for split, parts in found.items()}
    )


def _read_tsv(path):
    """A TSV with quotation marks as pandas writes them, or without, as GLUE's are."""
    plain = {"sep": "\t", "quoting": csv.QUOTE_NONE, **_CSV}
    try:
        quoted = pd.read_csv(path, sep="\t", **_CSV)
    except pd.errors.ParserError:  # the last mark that opens has none that closes
        return pd.read_csv(path, **plain)
    words = quoted.select_dtypes(exclude="number")
    # a mark that opens and does not close takes all in, to the next one
    if words.map(lambda cell: isinstance(cell, str) and "\t" in cell).to_numpy().any():
        return pd.read_csv(path, **plain)
    return quoted


def _as_data(table):
    """A table as a data set; a column of words and numbers becomes one of words."""
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError("its rows have more cells than its header, as with a comma in no quotes")
    for name, column in table.items():
        if column.dtype == object and column.dropna().map(type).nunique() > 1:
            table[name] = column.where(column.isna(), column.map(str))
    return Dataset.from_pandas(table)


def _read_file(path):
    try:
        table = FILES[path.suffix](path)
        return _as_data(table) if isinstance(table, pd.DataFrame) else Dataset(table)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no file {path}; folders are relative to {Path.cwd()}"
        ) from None
    except UnicodeDecodeError as error:
        raise OSError(f"{path} is not in UTF-8 ({error}); save it so") from error
    except Exception as error:
        why = (str(error).splitlines() or [""])[0][:200]
        raise OSError(f"{path} cannot be read: {why}. Correct the file") from error
