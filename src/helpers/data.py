"""Text for MLM and tasks with GLUE's columns: from the hub, a mirror or the pocket world, by the same calls."""

import random
import zlib
from functools import lru_cache
from itertools import chain

import evaluate
import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets, disable_progress_bars, interleave_datasets, load_dataset
from scipy.special import log_softmax
from transformers import AutoTokenizer

from . import pocket
from .profiles import ASSETS, POCKET, locate, mirror

COLUMNS = pocket.COLUMNS | {
    "mnli_mismatched": pocket.COLUMNS["mnli"], "mrpc": ("sentence1", "sentence2"), "stsb": ("sentence1", "sentence2"),
    "rte": ("sentence1", "sentence2"), "wnli": ("sentence1", "sentence2"),
}
# One label means regression, as in transformers: STS-B's score of similarity, from 0 to 5
LABELS = pocket.LABELS | {
    "mnli_mismatched": pocket.LABELS["mnli"], "mrpc": ("not_equivalent", "equivalent"), "stsb": ("similarity",),
    "rte": ("entailment", "not_entailment"), "wnli": ("not_entailment", "entailment"),
}
NAMES = {"cola": "CoLA", "sst2": "SST-2", "qqp": "QQP", "mnli": "MNLI", "qnli": "QNLI", "mnli_mismatched": "MNLI mismatched",
         "mrpc": "MRPC", "stsb": "STS-B", "rte": "RTE", "wnli": "WNLI"}
# The validation set, where it is not called that. A run of mnli_mismatched trains on MNLI, as one of mnli does.
VALIDATION = {"mnli": "validation_matched", "mnli_mismatched": "validation_mismatched"}

disable_progress_bars()


def check_task(task):
    """Return `task`, or raise a ValueError that lists the valid ones."""
    if task not in COLUMNS:
        raise ValueError(f"unknown task {task!r}; choose from {', '.join(COLUMNS)}")
    return task


def is_regression(task):
    """Whether a task asks for a number instead of a label (STS-B does)."""
    return len(LABELS[check_task(task)]) == 1


def main_metric(task):
    """The metric a task's results are compared by: the paper's accuracy, for STS-B the Pearson correlation."""
    return "pearson" if is_regression(task) else "accuracy"


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
    """Tokenised text for MLM training, from one corpus or several.

    Parameters
    ----------
    profile : helpers.profiles.Profile
        Its ``text`` is a hub id or a tuple of corpora, see `helpers.profiles.Profile`. With ``text_streaming`` the text is
        read, tokenised and mixed while it is used, until the first corpus ends. Otherwise all of it is tokenised at once and
        kept on disk by `datasets`.
    split : {"train", "validation"}
        Validation text is never training text. It is the corpus's own validation split where there is one; else 1% of the
        documents, chosen by chance, or in a stream by a checksum of their words, which gives the same in any order.
    model : str, optional
        Whose tokenizer; default the profile's.

    Returns
    -------
    datasets.Dataset or datasets.IterableDataset
        Columns ``input_ids``, ``attention_mask``, ``special_tokens_mask`` and, for BERT, ``token_type_ids``. Only streamed
        training text is an `IterableDataset`.
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
    body = profile.max_length - tokenizer.num_special_tokens_to_add()

    def blocks(batch):
        ids = tokenizer([text for text in batch["text"] if text.strip()], add_special_tokens=False, verbose=False)["input_ids"]
        ids = list(chain.from_iterable(ids))
        pieces = [ids[i : i + body] for i in range(0, len(ids) - body + 1, body)]
        return _wrap(tokenizer, pieces)

    corpora, shares = zip(*profile.corpora)
    texts = [_corpus(*corpus, split, profile.text_streaming).map(blocks, batched=True, remove_columns=["text"]) for corpus in corpora]
    if not profile.text_streaming:
        if rows:
            texts = [text.select(range(min(round(share * rows), len(text)))) for text, share in zip(texts, shares)]
        text = concatenate_datasets(texts)
    else:
        text = interleave_datasets(texts, probabilities=shares, seed=0) if len(texts) > 1 else texts[0]
        text = text.take(rows) if rows else text
        if split == "train":
            return text
        text = Dataset.from_list(list(text))
    if not len(text):
        raise ValueError(f"the {split} text of {', '.join(map(str, corpora))} does not fill one block of {profile.max_length} tokens; "
                         "take a larger corpus or a smaller max_length")
    return text


def _corpus(name, config, split, streaming):
    """The documents of a corpus's split, as a dataset with the column ``text``."""
    raw = _load(f"{name} ({config})", lambda: load_dataset(locate(name), config, streaming=streaming))
    held_out = split == "validation"
    if "validation" in raw:
        text = raw[split]
    elif streaming:
        text = raw["train"].filter(lambda texts: [_held_out(text) == held_out for text in texts], input_columns="text", batched=True)
    else:
        text = raw["train"].train_test_split(test_size=0.01, seed=0)["test" if held_out else "train"]
    return text.select_columns(["text"])


def _held_out(text, share=100):
    return zlib.crc32(text.encode()) % share == 0


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
    raw = _load(f"{profile.glue} ({task})", lambda: load_dataset(locate(profile.glue), task.removesuffix("_mismatched")))
    validation = VALIDATION.get(task, "validation")
    for split in ("train", validation):
        if split not in raw:
            raise ValueError(f"{profile.glue} has no split {split!r} of {task!r}; it has {', '.join(raw)}. Choose another task, or complete the copy.")
    splits = {"train": raw["train"], "validation": raw[validation]}
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
        Splits train and validation; columns ``input_ids``, ``attention_mask``, ``labels`` (floats for regression) and,
        for BERT, ``token_type_ids``.
    """
    kind = float if is_regression(task) else int
    tokenizer = load_tokenizer(model or profile.model)
    examples = load_examples(profile, task)

    def encode(batch):
        texts = [batch[column] for column in COLUMNS[task]]
        return {**tokenizer(*texts, truncation=True, max_length=profile.max_length), "labels": list(map(kind, batch["label"]))}

    return examples.map(encode, batched=True, remove_columns=examples["train"].column_names)


@lru_cache(maxsize=None)
def _metric(task):
    return evaluate.load(str(ASSETS / "glue_metric.py"), task, keep_in_memory=True)


def score(task, logits, labels):
    """Metrics of a task's predictions, computed by `evaluate`.

    Parameters
    ----------
    task : str
    logits : numpy.ndarray
        Shape (examples, labels).
    labels : numpy.ndarray
        Shape (examples,).

    Returns
    -------
    dict
        ``accuracy`` and, where GLUE reports another, ``matthews_correlation`` or ``f1``; for STS-B ``pearson`` and
        ``spearmanr``. Correlations of a constant prediction are 0.
    """
    predictions = logits[:, 0] if is_regression(task) else logits.argmax(-1)
    return _metric(task).compute(predictions=predictions, references=labels)


def task_loss(task, logits, labels):
    """The mean loss that fine-tuning lowers: cross entropy in nats, for STS-B the squared error.

    Parameters are those of `score`.

    Returns
    -------
    float
    """
    if is_regression(task):
        return float(np.mean((logits[:, 0] - labels) ** 2))
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def constant_logits(task, train_labels, count):
    """The best prediction that does not look at the text: the training set's label frequencies, or its mean score.

    Returns
    -------
    numpy.ndarray
        `count` equal rows of logits.
    """
    if is_regression(task):
        return np.full((count, 1), np.mean(train_labels))
    counts = np.bincount(train_labels, minlength=len(LABELS[task]))
    return np.log(np.tile((counts + 1e-9) / counts.sum(), (count, 1)))
