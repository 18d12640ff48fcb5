"""A task of one's own: the description of a file or a data set, read from what it holds.

    >>> reviews = describe("reviews.csv", text="review", label="stars")  # doctest: +SKIP

What `describe` returns is a `helpers.tasks.Task`, of the same kind as GLUE's.
"""

import contextlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, List

from .data import check_texts, checked_splits, label_name
from .sources import read
from .tasks import GLUE, Task

FIELDS = ("data", "text", "label", "name", "config", "train", "validation", "labels", "metric")
HELD_OUT = 0.1  # of the training rows, where there is no validation split
FEW = 200  # rows to measure on, below which one answer is worth more than half a point
MANY = 100  # more labels than any classification here is likely to have
CLASSIFICATION = ("accuracy", "f1", "f1_macro", "matthews_correlation")
REGRESSION = ("pearson", "spearmanr")
NOT_THERE = ("na", "n/a", "nan", "null", "none")  # words of other programs for a missing number


def describe(
    data: str | Path,
    text: str | Sequence[str] = "text",
    label: str = "label",
    *,
    name: str | None = None,
    config: str | None = None,
    train: str = "train",
    validation: str | float | None = None,
    labels: Sequence[str] | None = None,
    metric: str | None = None,
) -> Task:
    """The description of a task, from a few values and what the data hold.

    Parameters
    ----------
    data : str or path
        A file (CSV, TSV, JSONL, Parquet), a folder with one for each split, or a hub id.
    text : str or sequence of str
        The column of text, or the two of a pair.
    label : str
        The column of labels.
    name : str, optional
        In results; default that of the file.
    config : str, optional
        Of a hub data set that has several.
    train : str
        The split to train on.
    validation : str or float, optional
        The split to measure on, or the share of the training rows to hold out for it. Default: the
        split ``validation``; where there is none, a tenth is held out, of each label the same
        share. A split ``test`` is used only if you name it.
    labels : sequence of str, optional
        The labels in the order of their indices. Default: as a `ClassLabel` names them; else
        numbers by size, words by the alphabet.
    metric : str, optional
        What results are compared by: for labels one of `CLASSIFICATION` (default accuracy), for
        numbers one of `REGRESSION` (default pearson). Numbers with decimals are regression; for
        whole numbers, such as stars, say it by naming one of these metrics.

    Returns
    -------
    helpers.tasks.Task

    Raises
    ------
    ValueError
        If columns, texts or labels are not what a task needs; also for several labels a row, and
        for labels of tokens. The message names the value, what is allowed, and the way out.
    OSError
        If the data cannot be read.
    """
    data, columns = str(data), (text,) if isinstance(text, str) else tuple(text)
    stem = Path(data).name.partition(".")[0]
    name = name or re.sub("[^A-Za-z0-9_]+", "_", stem).strip("_").lower()
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ValueError(
            f"the task's name must consist of letters, digits and underscores, got {name!r}; give "
            "another with name="
        )
    if name in GLUE:
        raise ValueError(
            f"{name!r} is a task of GLUE; give yours another name with name=, so that results can "
            "be told apart"
        )
    if not 1 <= len(set(columns)) == len(columns) <= 2:
        raise ValueError(
            f"{name}: a model reads one column of text or a pair of two, got {', '.join(columns)}"
        )
    if labels is not None and not 2 <= len({str(one) for one in labels}) == len(labels):
        raise ValueError(
            f"{name}: labels= takes two names or more, each once, got {', '.join(map(str, labels))}"
        )
    if "label" in columns:
        raise ValueError(f"{name}: a column of text is called 'label'; rename it in the data")
    raw = read(data, config)
    if train not in raw:
        raise ValueError(
            f"{data} has no split {train!r} to train on; it has {', '.join(raw)}. Name one with "
            "train=, or call the file so"
        )
    examples = raw[train]
    _check_columns(examples, columns, label, name)
    check_texts(examples, columns, f"{name}, {train}")
    values = _label_values(examples, label, f"{name}, {train}")
    if metric not in (None, *CLASSIFICATION, *REGRESSION):
        raise ValueError(
            f"{name}: unknown metric {metric!r}; choose from {', '.join(CLASSIFICATION)} for "
            f"labels, {', '.join(REGRESSION)} for numbers"
        )
    found: tuple[str, ...]
    metrics: tuple[str, ...]
    if metric in REGRESSION or metric is None and labels is None and _has_decimals(values):
        found, metrics = (label,), (metric or "pearson", *REGRESSION)
    else:
        found = tuple(map(str, labels)) if labels else _names(examples, values, label, name)
        beside = ("f1",) if len(found) == 2 else ("f1_macro",)
        metrics = (metric or "accuracy", "accuracy", *beside)
    if metric == "f1" and len(found) != 2:
        raise ValueError(f"{name}: f1 is for two labels, and there are {len(found)}; take f1_macro")
    if validation is None:
        validation = "validation" if "validation" in raw else HELD_OUT
    if validation == train:
        raise ValueError(
            f"{name}: {train!r} cannot be trained on and measured on; name another split with "
            "validation=, or the share of it to hold out"
        )
    if not isinstance(validation, str) and not 0 < validation < 1:
        raise ValueError(
            f"{name}: validation must be a split ({', '.join(raw)}) or a share between 0 and 1, "
            f"got {validation!r}"
        )
    task = Task(
        name,
        columns,
        found,
        tuple(dict.fromkeys(metrics)),
        data=data,
        config=config,
        label=label,
        train=train,
        validation=validation,
    )
    checked_splits(raw, task)
    return task


def from_words(words: Sequence[str]) -> Task:
    """What `describe` makes of words as on a command line: ``data=reviews.csv text=review``.

    Parameters
    ----------
    words : sequence of str
        Each ``field=value``, with the fields of `describe`; ``data=`` may be left out of the first.
        Two columns of text, and labels, are written with commas between them, or as a JSON list if
        one of them has a comma.

    Raises
    ------
    ValueError
        If a field is unknown or there are no data; else as `describe`.
    """
    values: dict = {}
    for place, word in enumerate(words):
        field, equals, value = word.partition("=")
        if not equals and not place:
            field, value = "data", word
        if field not in FIELDS or not value:
            raise ValueError(
                f"a task of your own is described by FIELD=VALUE, with {', '.join(FIELDS)}, "
                f"such as data=reviews.csv text=review label=stars; got {word!r}"
            )
        if field in values:
            raise ValueError(f"{field}= stands there twice, {values[field]!r} and then {value!r}")
        values[field] = _several(value) if field in ("text", "labels") else value
    if "data" not in values:
        raise ValueError("a task of your own needs data=: a file, a folder or a hub id")
    with contextlib.suppress(ValueError):  # a share; else the name of a split
        values["validation"] = float(values.get("validation", ""))
    return describe(**values)


def _several(words):
    """Words with commas between them; as a JSON list they may have commas themselves."""
    if words.startswith("["):
        with contextlib.suppress(ValueError):
            return tuple(json.loads(words))
    return tuple(words.split(","))


def told(task: Task, raw: DatasetDict | None = None) -> str:
    """What a description comes to, in sentences: splits, labels with their shares, metrics.

    Parameters
    ----------
    task : helpers.tasks.Task
        From `describe`.
    raw : datasets.DatasetDict, optional
        Its data, if they are at hand.
    """
    raw = read(str(task.data), task.config) if raw is None else raw
    splits = checked_splits(raw, task)
    train, validation = splits["train"], splits["validation"]
    said = [f"{task.name}: {len(train):,} rows of {task.train!r} to train on"]
    if isinstance(task.validation, str):
        said[0] += f", {len(validation):,} of {task.validation!r} to measure on."
    else:
        said[0] += f", {len(validation):,} more of it held out to measure on (seed 0)."
    if len(validation) < FEW and not task.is_regression:
        said.append(
            f"So few to measure on are coarse: one answer more or less is "
            f"{100 / len(validation):.1f} points."
        )
    left = [split for split in raw if split not in (task.train, task.validation)]
    if left:
        said.append(f"Not used: {', '.join(left)}.")
    texts = {tuple(row) for row in zip(*(train[column] for column in task.columns))}
    twice = sum(tuple(row) in texts for row in zip(*(validation[c] for c in task.columns)))
    if twice:
        said.append(
            f"{twice:,} of the rows to measure on stand in the training rows, too: on them you "
            "measure memory."
        )
    labels = pd.Series(train["label"])
    if task.is_regression:
        said.append(
            f"A number is asked for: {task.label}, {labels.min():g} to {labels.max():g}, mean "
            f"{labels.mean():.3g}."
        )
    else:
        shares = labels.value_counts(normalize=True)
        listed = [
            f"{i} = {name} ({shares.get(i, 0):.1%})" for i, name in enumerate(task.labels[:12])
        ]
        more = [f"{len(task.labels) - 12} more"] if len(task.labels) > 12 else []
        said.append(f"Labels: {', '.join([*listed, *more])}.")
    said.append(f"Results are compared by {task.metrics[0]}; measured: {', '.join(task.metrics)}.")
    return " ".join(said)


def _check_columns(examples, columns, label, name):
    missing = [c for c in (*columns, label) if c not in examples.column_names]
    if missing:
        raise ValueError(
            f"{name}: there is no column {', '.join(missing)}; the columns are "
            f"{', '.join(examples.column_names)}. Name that of the text with text= (two for a "
            "pair) and that of the labels with label="
        )
    several, tokens = _is_list(examples, label), any(_is_list(examples, c) for c in columns)
    if tokens and several:
        raise ValueError(
            f"{name}: {label} has a label for each token, and this course classifies whole texts. "
            "Token classification needs AutoModelForTokenClassification, labels laid out over word "
            "pieces, and a metric over spans such as seqeval's; none of it is here"
        )
    if several:
        raise ValueError(
            f"{name}: {label} has several labels in a row, and here each row has one. Multi-label "
            "classification needs a sigmoid for each label (problem_type "
            "'multi_label_classification'), thresholds, and a metric over sets; none of it is "
            "here. Make a task of each label, with yes and no"
        )
    if tokens:
        raise ValueError(f"{name}: {', '.join(columns)} holds lists; join them to texts first")


def _is_list(examples, column):
    feature = examples.features[column]
    return isinstance(feature, (List, list)) or type(feature).__name__ in ("Sequence", "LargeList")


def _label_values(examples: Dataset, label: str, where: str) -> pd.Series:
    """The labels as they are filed; a missing one is an error that names the row."""
    values = examples.select_columns([label]).with_format("pandas")[:][label]
    missing = values.map(label_name).isna()
    if isinstance(examples.features[label], ClassLabel):
        missing |= values == -1  # how the hub files a label that is kept secret
    if missing.any():
        row = int(missing.to_numpy().argmax())
        raise ValueError(
            f"{where}, row {row}: there is no label ({values[row]!r}). Rows without "
            f"one: {int(missing.sum())} of {len(values):,}. Leave them out, or take another split"
        )
    return values


def _has_decimals(values):
    numbers = pd.to_numeric(values, errors="coerce")
    return bool(numbers.notna().all() and (numbers % 1 != 0).any())


def _names(examples, values, label, name):
    """The labels' names in the stated order."""
    feature = examples.features[label]
    if isinstance(feature, ClassLabel):
        return tuple(feature.names)
    found = list(dict.fromkeys(values.map(label_name)))
    words = [one for one in found if one.lower() in NOT_THERE]
    rest = pd.to_numeric(pd.Series([one for one in found if one not in words]), errors="coerce")
    if words and len(rest) and rest.notna().all():  # R writes NA for a missing number
        row = int((values.map(label_name) == words[0]).to_numpy().argmax())
        raise ValueError(
            f"{name}, row {row}: the label is {words[0]!r} among numbers. Leave such rows out; or "
            "if it is a label, name all of them with labels="
        )
    if len(found) < 2:
        raise ValueError(
            f"{name}: the column {label} holds one label only, {found[0]!r}: there is nothing to "
            "tell apart. Name another column with label="
        )
    if len(found) > MANY:
        numbers = pd.api.types.is_numeric_dtype(values)
        raise ValueError(
            f"{name}: the column {label} holds {len(found):,} different labels in {len(values):,} "
            "rows. "
            + (
                "If it is a number to be predicted, write metric=pearson"
                if numbers
                else "Is it a column of text? Name that of the labels with label="
            )
        )
    alike = {}
    for one in found:
        other = alike.setdefault(one.lower(), one)
        if other != one:
            raise ValueError(
                f"{name}: the labels {other!r} and {one!r} in {label} differ in case alone; write "
                "them alike"
            )
    whole = all(re.fullmatch(r"-?\d+", one) for one in found)
    return tuple(sorted(found, key=int if whole else None))
