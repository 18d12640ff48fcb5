"""Text for MLM and tasks with GLUE's columns: from the hub, a mirror or the pocket world, by the same calls."""

import random
from functools import lru_cache
from itertools import chain

import evaluate
from datasets import Dataset, DatasetDict, disable_progress_bars, load_dataset
from transformers import AutoTokenizer

from . import pocket
from .profiles import ASSETS, POCKET, locate, mirror

COLUMNS = pocket.COLUMNS | {
    "mrpc": ("sentence1", "sentence2"), "rte": ("sentence1", "sentence2"),
    "wnli": ("sentence1", "sentence2"),
}
LABELS = pocket.LABELS | {
    "mrpc": ("not_equivalent", "equivalent"), "rte": ("entailment", "not_entailment"),
    "wnli": ("not_entailment", "entailment"),
}
NAMES = {"cola": "CoLA", "sst2": "SST-2", "qqp": "QQP", "mnli": "MNLI", "qnli": "QNLI", "mrpc": "MRPC", "rte": "RTE",
         "wnli": "WNLI"}
# The metric GLUE reports beside accuracy
GLUE_METRIC = {"cola": "matthews_correlation", "qqp": "f1", "mrpc": "f1"}

disable_progress_bars()


def check_task(task):
    """Return `task`, or raise a ValueError that lists the valid ones."""
    if task not in COLUMNS:
        raise ValueError(f"unknown task {task!r}; choose from {', '.join(COLUMNS)}")
    return task


def _load(what, load):
    try:
        return load()
    except Exception as error:
        where = f"under HUB_MIRROR={mirror()}" if mirror() else "locally (HUB_MIRROR is not set)"
        raise FileNotFoundError(
            f"cannot load {what}: it is not {where}, and the hub gave {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}. "
            "Check the name and the network, point HUB_MIRROR at a folder laid out by hub id, or set PRUNING_PROFILE=tiny, "
            "which needs neither."
        ) from error


@lru_cache(maxsize=4)
def load_tokenizer(model):
    """The tokenizer of a hub id, a folder or "pocket"."""
    return _load(model, lambda: AutoTokenizer.from_pretrained(locate(model)))


@lru_cache(maxsize=8)
def load_text(profile, split="train", model=None):
    """Tokenised text for MLM training.

    Parameters
    ----------
    profile : helpers.profiles.Profile
    split : {"train", "validation"}
    model : str, optional
        Whose tokenizer; default the profile's.

    Returns
    -------
    datasets.Dataset
        Columns ``input_ids``, ``attention_mask``, ``special_tokens_mask`` and, for BERT, ``token_type_ids``.
    """
    tokenizer = load_tokenizer(model or profile.model)
    rows = profile.text_rows if split == "train" else 2_000
    if profile.text == POCKET:
        rng = random.Random(f"spare-{split}")

        def encode(batch):
            columns = tokenizer(*map(list, zip(*batch["passage"])), return_special_tokens_mask=True)
            masks = columns["special_tokens_mask"]
            return {**columns, "special_tokens_mask": [_spare_words(mask, rng) for mask in masks] if split == "validation" else masks}

        passages = Dataset.from_dict({"passage": pocket.passages(rows, seed=split)})
        return passages.map(encode, batched=True, remove_columns=["passage"], new_fingerprint=f"pocket-{split}-{rows}")
    raw = _load(f"{profile.text} ({profile.text_config})", lambda: load_dataset(locate(profile.text), profile.text_config))
    raw = raw[split] if split in raw else raw["train"].train_test_split(test_size=0.01, seed=0)["train" if split == "train" else "test"]
    raw = raw.select_columns(["text"])
    body = profile.max_length - tokenizer.num_special_tokens_to_add()

    def blocks(batch):
        ids = tokenizer([text for text in batch["text"] if text.strip()], add_special_tokens=False, verbose=False)["input_ids"]
        ids = list(chain.from_iterable(ids))
        pieces = [ids[i : i + body] for i in range(0, len(ids) - body + 1, body)]
        return _wrap(tokenizer, pieces)

    text = raw.map(blocks, batched=True, remove_columns=["text"])
    return text.select(range(min(rows, len(text)))) if rows else text


def _spare_words(mask, rng, share=0.7):
    """Protect most words of held-out text from masking, but never the last, the comment.

    In training half of all words are masked. A loss measured so would mostly say how little context was left;
    with this, comments are masked half of the time and other words 15% of it.
    """
    return [1 if special or (i < len(mask) - 2 and rng.random() < share) else 0 for i, special in enumerate(mask)]


def _wrap(tokenizer, pieces):
    """Blocks of token ids with the special tokens around them."""
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    rows = [[start, *piece, end] for piece in pieces]
    special = [[1, *[0] * len(piece), 1] for piece in pieces]
    columns = {"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows], "special_tokens_mask": special}
    if "token_type_ids" in tokenizer.model_input_names:
        columns["token_type_ids"] = [[0] * len(row) for row in rows]
    return columns


@lru_cache(maxsize=16)
def load_examples(profile, task):
    """A task's examples as they are read: GLUE's columns, splits train and validation, capped as the profile says.

    Returns
    -------
    datasets.DatasetDict
    """
    check_task(task)
    caps = {"train": profile.train_rows, "validation": profile.dev_rows}
    if profile.glue == POCKET:
        if task not in pocket.TASKS:
            raise ValueError(f"the pocket world has no task {task!r}; it has {', '.join(pocket.TASKS)}")
        return DatasetDict({split: Dataset.from_list(pocket.task_examples(task, split, rows)) for split, rows in caps.items()})
    raw = _load(f"{profile.glue} ({task})", lambda: load_dataset(locate(profile.glue), task))
    splits = {"train": raw["train"], "validation": raw["validation_matched" if task == "mnli" else "validation"]}
    return DatasetDict({
        split: data.shuffle(seed=0).select(range(min(caps[split], len(data)))) if caps[split] else data
        for split, data in splits.items()
    })


@lru_cache(maxsize=16)
def load_task(profile, task, model=None):
    """A task tokenised for fine-tuning.

    Returns
    -------
    datasets.DatasetDict
        Splits train and validation; columns ``input_ids``, ``attention_mask``, ``labels`` and, for BERT, ``token_type_ids``.
    """
    tokenizer = load_tokenizer(model or profile.model)
    examples = load_examples(profile, task)

    def encode(batch):
        texts = [batch[column] for column in COLUMNS[task]]
        return {**tokenizer(*texts, truncation=True, max_length=profile.max_length), "labels": batch["label"]}

    return examples.map(encode, batched=True, remove_columns=examples["train"].column_names)


@lru_cache(maxsize=1)
def _metric():
    return evaluate.load(str(ASSETS / "glue_metric.py"), keep_in_memory=True)


def score(task, logits, labels):
    """Metrics of a task's predictions, computed by `evaluate`.

    Parameters
    ----------
    task : str
    logits : numpy.ndarray
        Shape (examples, labels).
    labels : numpy.ndarray

    Returns
    -------
    dict
        ``accuracy`` and, where GLUE reports another, ``matthews_correlation`` or ``f1``.
    """
    names = ["accuracy"] + ([GLUE_METRIC[task]] if task in GLUE_METRIC else [])
    result = _metric().compute(predictions=logits.argmax(-1), references=labels)
    return {name: result[name] for name in names}
