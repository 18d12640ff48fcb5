"""Text for MLM and tasks with GLUE's columns, from the hub, a mirror or the pocket world.

All come by the same calls. What is read from a folder is read again when its files have changed.
"""

import hashlib
import json
import random
import zlib
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from itertools import chain
from pathlib import Path
from typing import TypeVar

import datasets
import numpy as np
import pandas as pd
import pyarrow.parquet
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
    load_dataset,
)
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from . import pocket
from .profiles import POCKET, Profile, content, locate, mirror, stamp
from .pruning import UnsupportedFamily
from .tasks import COLUMNS, LABELS, VALIDATION, check_task, is_regression

disable_progress_bars()
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


def _remember(size, sources):
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
            return remembered(stamps, *arguments, **options)

        current.cache_clear = remembered.cache_clear
        return current

    return wrap


def _text_sources(profile, split="train", model=None):
    corpora = [] if profile.pretraining.text == POCKET else profile.pretraining.corpora
    return [model or profile.model, *(name for (name, _), _ in corpora)]


def _task_sources(profile, task, model=None):
    return [model or profile.model, profile.fine_tuning.glue]


def _load_dataset(name, config, **options):
    """As `datasets.load_dataset`, whose cache knows a local folder only by its last name."""
    where = locate(name)
    if files := stamp(where):
        key = hashlib.sha256(repr(files).encode()).hexdigest()[:16]
        options["cache_dir"] = str(Path(datasets.config.HF_DATASETS_CACHE) / f"folder-{key}")
    return load(name, lambda: load_dataset(where, config, **options), config)


@_remember(4, lambda model: [model])
def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub id, a folder or "pocket"."""
    return load(model, lambda: AutoTokenizer.from_pretrained(locate(model)))


@_remember(4, lambda model: [model])
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


@_remember(8, _text_sources)
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
        If a corpus has no text or no training split, or does not fill one block.
    OSError
        If a corpus cannot be loaded, see `load`.
    """
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
    raw = _load_dataset(name, config, streaming=streaming)
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


@_remember(16, _task_sources)
def load_examples(profile: Profile, task: str) -> DatasetDict:
    """A task's examples as they are read: GLUE's columns, capped as the profile says.

    Returns
    -------
    datasets.DatasetDict
        Splits train and validation.

    Raises
    ------
    ValueError
        If the task is unknown, or its columns or labels are not the task's, see `check_examples`.
    OSError
        If the data cannot be loaded, see `load`.
    """
    check_task(task)
    values = profile.fine_tuning
    caps = {"train": values.train_rows, "validation": values.dev_rows}
    if values.glue == POCKET:
        if task not in pocket.TASKS:
            raise ValueError(
                f"the pocket world has no task {task!r}; it has {', '.join(pocket.TASKS)}"
            )
        return DatasetDict(
            {
                split: Dataset.from_list(pocket.task_examples(task, split, _count(rows)))
                for split, rows in caps.items()
            }
        )
    raw = _load_dataset(values.glue, task.removesuffix("_mismatched"))
    validation = VALIDATION.get(task, "validation")
    for split in ("train", validation):
        if split not in raw:
            raise ValueError(
                f"{values.glue} has no split {split!r} of {task!r}; it has {', '.join(raw)}. "
                "Choose another task, or complete the copy."
            )
        check_examples(raw[split], task, split)
    splits = {"train": raw["train"], "validation": raw[validation]}
    return DatasetDict(
        {
            split: data.shuffle(seed=0).select(range(min(rows, len(data)))) if rows else data
            for (split, data), rows in zip(splits.items(), caps.values())
        }
    )


def check_examples(examples: Dataset, task: str, split: str) -> None:
    """Raise a ValueError that says where examples are not those of a task.

    Parameters
    ----------
    examples : datasets.Dataset
        With the columns ``tasks.COLUMNS[task]`` and ``label``.
    task, split : str
        The split is for the error.

    Examples
    --------
    >>> rows = Dataset.from_dict({"sentence": ["good", "bad"], "label": [1, 2]})
    >>> check_examples(rows, "sst2", "train")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: sst2, train, row 1: the label is 2; it must be one of 0 (negative), 1 (positive)...
    """
    names, where = LABELS[task], f"{task}, {split}"
    needed = [*COLUMNS[task], "label"]
    missing = [column for column in needed if column not in examples.column_names]
    if missing:
        raise ValueError(
            f"{where}: there is no column {', '.join(missing)}; the columns are "
            f"{', '.join(examples.column_names)}, the task needs {', '.join(needed)}. Rename them."
        )
    feature = examples.features["label"]
    if isinstance(feature, ClassLabel) and tuple(feature.names) != names:
        raise ValueError(
            f"{where}: the labels are named {', '.join(feature.names)}, in this order; the task's "
            f"are {', '.join(names)}. Cast them with Dataset.align_labels_with_mapping, or rename "
            "them."
        )
    columns = examples.select_columns(needed).with_format("pandas")[:]
    for column in COLUMNS[task]:
        wrong = [i for i, text in enumerate(columns[column]) if not isinstance(text, str)]
        if wrong:
            raise ValueError(
                f"{where}, row {wrong[0]}: {column} is {examples[wrong[0]][column]!r}; it must "
                f"be text. {len(wrong)} of {len(examples)} rows are wrong; leave them out."
            )
    labels = columns["label"]
    numbers = pd.to_numeric(labels, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if is_regression(task):
        right, allowed = np.isfinite(numbers), "a finite number"
    else:
        right = np.isin(numbers, np.arange(len(names)))
        allowed = f"one of {', '.join(f'{i} ({name})' for i, name in enumerate(names))}"
    if not right.all():
        row = int(np.argmin(right))
        value = examples[row]["label"]
        raise ValueError(
            f"{where}, row {row}: the label is {value!r}; it must be {allowed}. "
            f"{int((~right).sum())} of {len(examples)} rows are wrong; correct or leave them out."
        )


@_remember(16, _task_sources)
def load_task(profile: Profile, task: str, model: str | None = None) -> DatasetDict:
    """A task tokenised for fine-tuning.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    task : str
        One of `helpers.tasks.COLUMNS`.
    model : str, optional
        Whose tokenizer; default the profile's.

    Returns
    -------
    datasets.DatasetDict
        Splits train and validation; columns ``input_ids``, ``attention_mask``, ``labels`` (floats
        for regression) and, for BERT, ``token_type_ids``.
    """
    kind = float if is_regression(task) else int
    tokenizer = load_tokenizer(model or profile.model)
    examples = load_examples(profile, task)

    def encode(batch):
        texts = [batch[column] for column in COLUMNS[task]]
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


def task_content(profile: Profile, task: str) -> str | None:
    """A checksum of what a task's data hold: a folder's files, or a sample of the pocket world."""
    if profile.fine_tuning.glue == POCKET:
        return _sample(task) if task in pocket.TASKS else None
    return content(locate(profile.fine_tuning.glue))


@cache
def _sample(task=None):
    rows = pocket.task_examples(task, "train", 200) if task else pocket.passages(200, seed="train")
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
