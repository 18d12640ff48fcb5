"""Text for MLM and tasks with GLUE's columns: from the hub, a mirror or the pocket world, by the same calls."""

import hashlib
import random
import zlib
from functools import lru_cache
from itertools import chain

from datasets import (
    Dataset,
    DatasetDict,
    concatenate_datasets,
    disable_progress_bars,
    interleave_datasets,
    load_dataset,
)
from transformers import AutoTokenizer

from . import pocket
from .profiles import POCKET, content, locate, mirror
from .tasks import COLUMNS, VALIDATION, check_task, is_regression

disable_progress_bars()


def load(what, how):
    """What ``how()`` loads, or an error that says which of the ways to have it are open."""
    try:
        return how()
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
    return load(model, lambda: AutoTokenizer.from_pretrained(locate(model)))


@lru_cache(maxsize=8)
def load_text(profile, split="train", model=None):
    """Tokenised text for MLM training, from one corpus or several.

    Parameters
    ----------
    profile : helpers.profiles.Profile
        Its ``pretraining.text`` is a hub id or a tuple of corpora, see `helpers.profiles.Pretraining`. With ``text_streaming`` the text is
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
    tokenizer, values = load_tokenizer(model or profile.model), profile.pretraining
    rows = values.text_rows if split == "train" else 2_000
    if values.text == POCKET:
        return load_passages(tokenizer, rows, split)
    body = values.max_length - tokenizer.num_special_tokens_to_add()

    def blocks(batch):
        ids = tokenizer(
            [text for text in batch["text"] if text.strip()],
            add_special_tokens=False,
            verbose=False,
        )["input_ids"]
        ids = list(chain.from_iterable(ids))
        pieces = [ids[i : i + body] for i in range(0, len(ids) - body + 1, body)]
        return _wrap(tokenizer, pieces)

    corpora, shares = zip(*values.corpora)
    texts = [
        _corpus(*corpus, split, values.text_streaming).map(
            blocks, batched=True, remove_columns=["text"]
        )
        for corpus in corpora
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
            f"the {split} text of {', '.join(map(str, corpora))} does not fill one block of {values.max_length} tokens; "
            "take a larger corpus or a smaller max_length"
        )
    return text


def load_passages(tokenizer, rows, split="train", kind=None):
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


def comment_options(profile):
    """How a profile masks and weighs the pocket world's comments, as `helpers.training.train_mlm` takes it."""
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
    raw = load(
        f"{name} ({config})", lambda: load_dataset(locate(name), config, streaming=streaming)
    )
    held_out = split == "validation"
    if "validation" in raw:
        text = raw[split]
    elif streaming:
        text = raw["train"].filter(
            lambda texts: [_held_out(text) == held_out for text in texts],
            input_columns="text",
            batched=True,
        )
    else:
        text = raw["train"].train_test_split(test_size=0.01, seed=0)[
            "test" if held_out else "train"
        ]
    return text.select_columns(["text"])


def _held_out(text, share=100):
    return zlib.crc32(text.encode()) % share == 0


def _spare_words(mask, rng, share=0.5):
    """Protect half the words of held-out text from masking, but never the last, the comment.

    In training 30% of the words and most comments are masked. A loss measured so would mostly say how little
    context was left; with this, other words are masked 15% of the time, as in the paper, and comments 30% of it.
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


@lru_cache(maxsize=16)
def load_examples(profile, task):
    """A task's examples as they are read: GLUE's columns, splits train and validation, capped as the profile says.

    Returns
    -------
    datasets.DatasetDict
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
                split: Dataset.from_list(pocket.task_examples(task, split, rows))
                for split, rows in caps.items()
            }
        )
    raw = load(
        f"{values.glue} ({task})",
        lambda: load_dataset(locate(values.glue), task.removesuffix("_mismatched")),
    )
    validation = VALIDATION.get(task, "validation")
    for split in ("train", validation):
        if split not in raw:
            raise ValueError(
                f"{values.glue} has no split {split!r} of {task!r}; it has {', '.join(raw)}. Choose another task, or complete the copy."
            )
    splits = {"train": raw["train"], "validation": raw[validation]}
    return DatasetDict(
        {
            split: data.shuffle(seed=0).select(range(min(caps[split], len(data))))
            if caps[split]
            else data
            for split, data in splits.items()
        }
    )


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
        return {
            **tokenizer(*texts, truncation=True, max_length=profile.fine_tuning.max_length),
            "labels": list(map(kind, batch["label"])),
        }

    return examples.map(encode, batched=True, remove_columns=examples["train"].column_names)


def text_content(profile):
    """A checksum of what a profile's MLM text holds, of each corpus: of a folder its files, of the pocket world
    a sample. None for what only the hub has.
    """
    if profile.pretraining.text == POCKET:
        return [_sample()]
    return [content(locate(name)) for (name, _), _ in profile.pretraining.corpora]


def task_content(profile, task):
    """A checksum of what a task's data hold: of a folder its files, of the pocket world a sample."""
    if profile.fine_tuning.glue == POCKET:
        return _sample(task) if task in pocket.TASKS else None
    return content(locate(profile.fine_tuning.glue))


@lru_cache(maxsize=None)
def _sample(task=None):
    rows = pocket.task_examples(task, "train", 200) if task else pocket.passages(200, seed="train")
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]
