"""Text for MLM, and the examples of tasks, as a model reads them.

Hub, mirror, files and pocket world come by the same calls. What is read from a folder is read again
when its files have changed.
"""

import dataclasses
import hashlib
import random
import zlib
from collections.abc import Sequence
from functools import cache
from itertools import chain

import numpy as np
import pandas as pd
from datasets import (
    ClassLabel,
    Dataset,
    DatasetDict,
    Features,
    IterableDataset,
    List,
    Value,
    concatenate_datasets,
    disable_progress_bars,
    interleave_datasets,
)
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from . import pocket
from .profiles import POCKET, Profile, content, locate
from .sources import check_data, load, load_data, read, remember
from .tasks import Task, get

disable_progress_bars()


def _text_sources(profile, split="train", model=None):
    corpora = [] if profile.pretraining.text == POCKET else profile.pretraining.corpora
    return [model or profile.model, *(name for (name, _), _ in corpora)]


def _task_sources(profile, task, model=None):
    return [model or profile.model, get(task, profile).data or profile.fine_tuning.glue]


@remember(4, lambda model: [model])
def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub id, a folder or "pocket"."""
    return load(model, lambda: AutoTokenizer.from_pretrained(locate(model)))


@remember(4, lambda model: [model])
def load_config(model: str) -> PreTrainedConfig:
    """The transformers configuration of a hub id, a folder or "pocket": small, without weights."""
    return load(model, lambda: AutoConfig.from_pretrained(locate(model)))


# what the tokenizer gives, in the types that `datasets` would choose
_TOKENS = {
    "input_ids": List(Value("int32")),
    "attention_mask": List(Value("int8")),
    "special_tokens_mask": List(Value("int8")),
    "token_type_ids": List(Value("int8")),
}


@remember(8, _text_sources)
def load_text(
    profile: Profile, split: str = "train", model: str | None = None
) -> Dataset | IterableDataset:
    """Tokenised text for MLM training, from one corpus or several.

    Parameters
    ----------
    profile : helpers.profiles.Profile
        Its ``pretraining.text`` is a hub id or a tuple of corpora, see
        `helpers.profiles.Pretraining`. With ``text_streaming`` the text is read, tokenised and
        mixed while it is used, until the first corpus ends. Otherwise all of it is tokenised at
        once and kept on disk by `datasets`.
    split : {"train", "validation"}
        Validation text is never training text. It is the corpus's own validation split where there
        is one; else 1% of the documents, chosen by chance, or in a stream by a checksum of their
        words, which gives the same in any order. Documents that are blank or missing are left out.
    model : str, optional
        Whose tokenizer; default the profile's.

    Returns
    -------
    datasets.Dataset or datasets.IterableDataset
        Columns ``input_ids``, ``attention_mask``, ``special_tokens_mask`` and, for BERT,
        ``token_type_ids``. Only streamed training text is an `IterableDataset`.

    Raises
    ------
    ValueError
        If `split` is another, or a corpus has no text or no training split, or does not fill one
        block.
    OSError
        If a corpus cannot be loaded, see `load`.
    """
    if split not in ("train", "validation"):
        raise ValueError(f"the split of MLM text must be train or validation, got {split!r}")
    tokenizer, values = load_tokenizer(model or profile.model), profile.pretraining
    rows = values.text_rows if split == "train" else 2_000
    if values.text == POCKET:
        return load_passages(tokenizer, _count(rows), split)
    special = tokenizer.num_special_tokens_to_add()
    body = values.max_length - special
    if body < 1:
        raise ValueError(
            f"max_length is {values.max_length}, but a block needs {special} special tokens and "
            f"at least one word; set the profile's max_length of MLM training to {special + 1} or "
            "more"
        )

    def blocks(batch):
        texts = [text for text in batch["text"] if not _blank(text)]
        if not texts:  # which a tokenizer refuses
            return _wrap(tokenizer, [])
        ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        ids = list(chain.from_iterable(ids))
        pieces = [ids[i : i + body] for i in range(0, len(ids) - body + 1, body)]
        return _wrap(tokenizer, pieces)

    features = Features({name: _TOKENS[name] for name in _wrap(tokenizer, [])})
    corpora = [corpus for corpus, _ in values.corpora]
    shares = [share for _, share in values.corpora]
    texts = [
        _corpus(name, config, split, values.text_streaming).map(
            blocks, batched=True, remove_columns=["text"], features=features
        )
        for name, config in corpora
    ]
    if not values.text_streaming:
        if rows:
            texts = [
                text.select(range(min(round(share * rows), len(text))))
                for text, share in zip(texts, shares)
            ]
        text = concatenate_datasets(texts)
    else:
        text = (
            interleave_datasets(texts, probabilities=shares, seed=0) if len(texts) > 1 else texts[0]
        )
        text = text.take(rows) if rows else text
        if split == "train":
            return text
        text = Dataset.from_list(list(text))
    if not len(text):
        raise ValueError(
            f"the {split} text of {', '.join(map(str, corpora))} does not fill one block of "
            f"{values.max_length} tokens; take a larger corpus or a smaller max_length"
        )
    return text


def check_corpora(profile: Profile) -> None:
    """Raise the error of `load_text` if a corpus of a profile cannot be had; nothing is fetched.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    """
    if profile.pretraining.text != POCKET:
        for (name, config), _ in profile.pretraining.corpora:
            check_data(name, config)


def load_passages(
    tokenizer: PreTrainedTokenizerBase, rows: int, split: str = "train", kind: str | None = None
) -> Dataset:
    """Text of the pocket world for MLM training, or one kind of it, tokenised as `load_text` does.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizer
    rows : int
    split : {"train", "validation"}
        Held-out text protects half of its words from masking, see `_spare_words`.
    kind : str, optional
        One of `helpers.pocket.KINDS`, such as "dictionary".

    Returns
    -------
    datasets.Dataset
    """
    rng = random.Random(f"spare-{split}")

    def encode(batch):
        columns = tokenizer(*map(list, zip(*batch["passage"])), return_special_tokens_mask=True)
        masks = columns["special_tokens_mask"]
        return {
            **columns,
            "special_tokens_mask": [_spare_words(mask, rng) for mask in masks]
            if split == "validation"
            else masks,
        }

    passages = Dataset.from_dict({"passage": pocket.passages(rows, split, kind)})
    return passages.map(
        encode,
        batched=True,
        remove_columns=["passage"],
        new_fingerprint=f"pocket-{kind}-{split}-{rows}",
    )


def comment_options(profile: Profile) -> dict:
    """How a profile masks and weighs the pocket world's comments, for `training.train_mlm`."""
    values = profile.pretraining
    if values.comment_probability is None:
        return {}
    tokenizer = load_tokenizer(profile.model)
    comments = tokenizer.convert_tokens_to_ids(" ".join(pocket.COMMENTS.values()).split())
    known = [token for token in comments if token != tokenizer.unk_token_id]
    return {
        "probabilities": dict.fromkeys(known, values.comment_probability),
        "weights": dict.fromkeys(known, values.comment_weight),
    }


def _corpus(name, config, split, streaming):
    """The documents of a corpus's split, as a dataset with the column ``text``."""
    raw = load_data(name, config, streaming=streaming)
    what = f"{name} ({config})" if config else name
    held_out = split == "validation"
    if "train" not in raw and not (held_out and "validation" in raw):
        raise ValueError(
            f"the corpus {what} has no split 'train'; it has {', '.join(raw)}. Name the split so "
            "in the README of its folder, or choose another corpus."
        )
    own = "validation" in raw
    text = raw[split if own else "train"]
    columns = text.column_names or list(next(iter(text), {}))  # a stream may not know them yet
    if "text" not in columns:
        raise ValueError(
            f"the corpus {what} has no column 'text'; it has {', '.join(columns) or 'no rows'}. "
            "Choose another corpus, or rename its column."
        )
    if own:
        return text.select_columns(["text"])
    if streaming:
        text = text.filter(
            lambda texts: [not _blank(t) and _held_out(t) == held_out for t in texts],
            input_columns="text",
            batched=True,
        )
    else:
        if len(text) < 2:
            raise ValueError(
                f"the corpus {what} has {len(text)} document and no validation split, so nothing "
                "can be held out of training; give it a validation split, or divide the document"
            )
        parts = text.train_test_split(test_size=0.01, seed=0)
        text = parts["test" if held_out else "train"]
    return text.select_columns(["text"])


def _count(rows):
    """How many rows the pocket world makes; it has no end, so that there is no "all" of it."""
    if rows is None:
        raise ValueError(
            "the pocket world has no end, so it cannot give all of its rows; set text_rows, "
            "train_rows and dev_rows to numbers"
        )
    return rows


def _blank(text):
    return text is None or not text.strip()


def _held_out(text, share=100):
    return zlib.crc32(text.encode()) % share == 0


def _spare_words(mask, rng, share=0.5):
    """Protect half the words of held-out text from masking, but never the last, the comment.

    In training 30% of the words and most comments are masked. A loss measured so would mostly say
    how little context was left; with this, other words are masked 15% of the time, as in the paper,
    and comments 30% of it.
    """
    return [
        1 if special or (i < len(mask) - 2 and rng.random() < share) else 0
        for i, special in enumerate(mask)
    ]


def _wrap(tokenizer, pieces):
    """Blocks of token ids with the special tokens around them."""
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    rows = [[start, *piece, end] for piece in pieces]
    special = [[1, *[0] * len(piece), 1] for piece in pieces]
    columns = {
        "input_ids": rows,
        "attention_mask": [[1] * len(row) for row in rows],
        "special_tokens_mask": special,
    }
    if "token_type_ids" in tokenizer.model_input_names:
        columns["token_type_ids"] = [[0] * len(row) for row in rows]
    return columns


@remember(16, _task_sources)
def load_examples(profile: Profile, task: str | Task) -> DatasetDict:
    """A task's examples as they are read, capped as the profile says.

    Returns
    -------
    datasets.DatasetDict
        Splits train and validation; the task's columns of text, and ``label`` with class indices,
        for regression numbers.

    Raises
    ------
    ValueError
        If the task is unknown, or its columns or labels are not the task's, see `check_examples`.
    OSError
        If the data cannot be loaded, see `load`.
    """
    task, values = get(task, profile), profile.fine_tuning
    caps = {"train": values.train_rows, "validation": values.dev_rows}
    where = task.data or values.glue
    if where == POCKET:
        if task.name not in pocket.TASKS:
            raise ValueError(
                f"the pocket world has no task {task.name!r}; it has {', '.join(pocket.TASKS)}"
            )
        return DatasetDict(
            {
                split: Dataset.from_list(pocket.task_examples(task.name, split, _count(rows)))
                for split, rows in caps.items()
            }
        )
    splits = checked_splits(read(where, task.config or (None if task.data else task.name)), task)
    return DatasetDict(
        {
            split: data.shuffle(seed=0).select(range(min(rows, len(data)))) if rows else data
            for (split, data), rows in zip(splits.items(), caps.values())
        }
    )


def checked_splits(raw: DatasetDict, task: Task) -> dict[str, Dataset]:
    """The task's training and validation examples among all splits, checked, labels as numbers."""
    where, found = task.data or "the data", {}
    named = [task.validation] if isinstance(task.validation, str) else []
    for split in [task.train, *named]:
        if split not in raw:
            raise ValueError(
                f"{where} has no split {split!r} of {task.name!r}; it has {', '.join(raw)}. "
                "Choose another split or task, or complete the copy."
            )
        check_examples(raw[split], task, split)
        found[split] = _with_numbers(raw[split], task)
    train, *validation = found.values()
    if not named:
        train, *validation = _hold_out(train, task)
    return {"train": train, "validation": validation[0]}


def _with_numbers(examples, task):
    """Examples with the task's columns of text, and numbers in the column ``label``."""
    if not task.data:  # GLUE's have them
        return examples
    numbers = label_numbers(examples, task)
    labels = numbers.tolist() if task.is_regression else numbers.astype(int).tolist()
    return examples.select_columns(list(task.columns)).add_column("label", labels)


def _hold_out(examples, task):
    """Training and validation examples: the same share of each label is held out, by seed 0."""
    labels = pd.Series(examples["label"])
    # numbers are all of one kind; of each label at least one example, if it has another
    kinds = pd.Series(0, labels.index) if task.is_regression else labels
    held_out = set()
    for _, rows in labels.groupby(kinds):
        wanted = min(max(1, round(task.validation * len(rows))), len(rows) - 1)
        held_out |= set(rows.sample(wanted, random_state=0).index)
    if not held_out:
        raise ValueError(
            f"{task.name}: there are too few rows ({len(examples)}) to hold out "
            f"{task.validation:.0%} of each label for validation; name a validation split, or a "
            "larger share"
        )
    rest = [i for i in range(len(examples)) if i not in held_out]
    return examples.select(rest), examples.select(sorted(held_out))


def check_examples(examples: Dataset, task: str | Task, split: str) -> None:
    """Raise a ValueError that says where examples are not those of a task.

    Parameters
    ----------
    examples : datasets.Dataset
        With the task's columns of text and of labels.
    task : str or helpers.tasks.Task
    split : str
        For the error.

    Examples
    --------
    >>> rows = Dataset.from_dict({"sentence": ["good", "bad"], "label": [1, 2]})
    >>> check_examples(rows, "sst2", "train")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: sst2, train, row 1: the label is 2; it must be one of 0 (negative), 1 (positive)...
    """
    task = get(task)
    names, where = task.labels, f"{task.name}, {split}"
    needed = [*task.columns, task.label]
    missing = [column for column in needed if column not in examples.column_names]
    if missing:
        raise ValueError(
            f"{where}: there is no column {', '.join(missing)}; the columns are "
            f"{', '.join(examples.column_names)}, the task needs {', '.join(needed)}. Rename them."
        )
    feature = examples.features[task.label]
    if isinstance(feature, ClassLabel) and tuple(feature.names) != names:
        raise ValueError(
            f"{where}: the labels are named {', '.join(feature.names)}, in this order; the task's "
            f"are {', '.join(names)}. Cast them with Dataset.align_labels_with_mapping, or rename "
            "them."
        )
    check_texts(examples, task.columns, where)
    right = np.isfinite(label_numbers(examples, task))
    if right.all():
        return
    if task.is_regression:
        allowed = "a finite number"
    elif task.data:  # whose labels are filed by their names
        allowed = f"one of {', '.join(names)}"
    else:
        allowed = f"one of {', '.join(f'{i} ({name})' for i, name in enumerate(names))}"
    row = int(np.argmin(right))
    raise ValueError(
        f"{where}, row {row}: the label is {examples[row][task.label]!r}; it must be {allowed}. "
        f"Wrong rows: {int((~right).sum())} of {len(examples):,}. Correct them, or leave them out."
    )


def check_texts(examples: Dataset, columns: Sequence[str], where: str) -> None:
    """Raise an error that names the first row that has no text.

    One of a pair's two texts may be empty, both may not, and none may be missing.

    Parameters
    ----------
    examples : datasets.Dataset
    columns : sequence of str
        The column of text, or the two of a pair.
    where : str
        What the error calls these examples.

    Raises
    ------
    ValueError
    """
    texts = examples.select_columns(list(columns)).with_format("pandas")[:]
    for column in columns:
        wrong = [i for i, text in enumerate(texts[column]) if not isinstance(text, str)]
        if wrong:
            raise ValueError(
                f"{where}, row {wrong[0]}: {column} is {examples[wrong[0]][column]!r}; it must "
                f"be text. Wrong rows: {len(wrong)} of {len(examples):,}. Leave them out."
            )
    blank = texts.apply(lambda column: column.str.strip() == "").all(axis=1).to_numpy(dtype=bool)
    if blank.any():
        raise ValueError(
            f"{where}, row {int(np.argmax(blank))}: {' and '.join(columns)} "
            f"{'is' if len(columns) == 1 else 'are'} empty; there must be a text. "
            f"{int(blank.sum())} of {len(examples)} rows are empty; leave them out."
        )


def label_numbers(examples: Dataset, task: Task) -> np.ndarray:
    """The labels as class indices, for regression as numbers; NaN where a label is not allowed.

    A label is a name of the task's, or its index where the names are no numbers.

    Returns
    -------
    numpy.ndarray
        Float, of shape (examples,).
    """
    values = examples.select_columns([task.label]).with_format("pandas")[:][task.label]
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if task.is_regression:
        return np.where(np.isfinite(numbers), numbers, np.nan)
    indices = {name: i for i, name in enumerate(task.labels)}
    if isinstance(examples.features[task.label], ClassLabel) or not any(map(_is_number, indices)):
        numbers = np.where(np.isin(numbers, np.arange(len(indices))), numbers, np.nan)
    else:
        numbers = np.full(len(values), np.nan)
    by_name = values.map(label_name).map(indices).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(by_name), numbers, by_name)


def label_name(value: object) -> str | None:
    """What a label is called that is filed as a word or a number; None if it is missing.

    Examples
    --------
    >>> label_name(" positive"), label_name(2.0), label_name(float("nan"))
    ('positive', '2', None)
    """
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def _is_number(text):
    return text.lstrip("-").isdigit()


@remember(16, _task_sources)
def load_task(profile: Profile, task: str | Task, model: str | None = None) -> DatasetDict:
    """A task tokenised for fine-tuning.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    task : str or helpers.tasks.Task
    model : str, optional
        Whose tokenizer; default the profile's.

    Returns
    -------
    datasets.DatasetDict
        Splits train and validation; columns ``input_ids``, ``attention_mask``, ``labels`` (floats
        for regression) and, for BERT, ``token_type_ids``.
    """
    task = get(task, profile)
    kind = float if task.is_regression else int
    tokenizer = load_tokenizer(model or profile.model)
    examples = load_examples(profile, task)

    def encode(batch):
        texts = [batch[column] for column in task.columns]
        return {
            **tokenizer(*texts, truncation=True, max_length=profile.fine_tuning.max_length),
            "labels": list(map(kind, batch["label"])),
        }

    return examples.map(encode, batched=True, remove_columns=examples["train"].column_names)


def text_content(profile: Profile) -> list[str | None]:
    """A checksum of what a profile's MLM text holds, of each corpus.

    Of a folder its files, of the pocket world a sample. None for what only the hub has.
    """
    if profile.pretraining.text == POCKET:
        return [_sample()]
    return [content(locate(name)) for (name, _), _ in profile.pretraining.corpora]


def task_content(profile: Profile, task: str | Task) -> str | dict | None:
    """A checksum of what a task's data hold: a folder's files, or a sample of the pocket world.

    Of a task of one's own with its description.
    """
    task = get(task, profile)
    if task.data:
        data = content(locate(task.data)) or task.data
        return dataclasses.asdict(task) | {"data": data, "title": task.name}
    if profile.fine_tuning.glue == POCKET:
        return _sample(task.name) if task.name in pocket.TASKS else None
    return content(locate(profile.fine_tuning.glue))


@cache
def _sample(task=None):
    rows = pocket.task_examples(task, "train", 200) if task else pocket.passages(200, seed="train")
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
