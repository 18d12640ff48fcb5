"""Masked language modelling: training that may prune, the loss, the likeliest words."""

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import extract_model_from_parallel
from datasets import Dataset, IterableDataset
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    set_seed,
)
from transformers.utils import ModelOutput

from ..machine import use_threads
from .callbacks import MagnitudePruning
from .running import check_options, run, shared_arguments


def train_mlm(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: Dataset | IterableDataset,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    output_dir: str | Path,
    seed: int = 0,
    warmup_steps: int = 10,
    mlm_probability: float = 0.15,
    probabilities: Mapping[int, float] | None = None,
    weights: Mapping[int, float] | None = None,
    pruning: MagnitudePruning | None = None,
    progress: bool = False,
    checkpoint_every: int | None = None,
    callbacks: Iterable[TrainerCallback] = (),
    **options,
) -> Trainer:
    """Train a masked language model, with or without pruning.

    Training resumes from the last checkpoint in `output_dir`.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        From `load_mlm`; trained in place. Its weights must have 32 bits.
    tokenizer : transformers.PreTrainedTokenizer
    text : datasets.Dataset or datasets.IterableDataset
        Tokenised (see `helpers.data.load_text`). A stream is shuffled by its files and in a buffer
        of 10,000 rows, and read again in the same order if it ends before the training; to resume,
        the Trainer reads it up to where it was. The Trainer drops its ``special_tokens_mask``, so
        any token but the special ones may be masked.
    steps, batch_size, warmup_steps, seed : int
        Steps are the optimizer's. Several processes (``accelerate launch``) divide each batch among
        them.
    learning_rate : float
        Falls linearly to 0 after the warm-up.
    mlm_probability : float
        Share of the tokens that are masked.
    probabilities : dict of int to float, optional
        Tokens of which another share is masked, by their id.
    weights : dict of int to float, optional
        Tokens that count more or less than once in the loss, by their id.
    pruning : MagnitudePruning, optional
    progress : bool
        Show the Trainer's progress bar.
    checkpoint_every : int, optional
        Steps between checkpoints to resume from.
    callbacks : iterable of transformers.TrainerCallback
        Called after `pruning`.
    **options
        Any other field of `transformers.TrainingArguments`.

    Returns
    -------
    transformers.Trainer

    Raises
    ------
    ValueError, TypeError
        If an option is misspelt or set already, or the weights are in half precision.
    RuntimeError
        If the sparsity asked for was not reached.
    """
    check_options(options, train_mlm)
    # a stream is repeated, so its last batch is whole
    rows = 0 if isinstance(text, IterableDataset) else len(text)
    arguments = shared_arguments(
        batch_size,
        rows,
        output_dir,
        seed,
        progress,
        checkpoint_every,
        max_steps=steps,
        learning_rate=learning_rate,
        warmup_steps=warmup_steps,
        **options,
    )
    set_seed(seed)
    if isinstance(text, IterableDataset):  # the Trainer shuffles only what it can index
        text = text.shuffle(seed=seed, buffer_size=10_000).repeat(None)
    collator = RepeatableMasking(tokenizer, mlm_probability, seed, probabilities)
    counts = None
    if weights:
        counts = torch.ones(model.config.vocab_size)
        for token, weight in weights.items():
            counts[token] = weight
    trainer = MLMTrainer(
        model,
        arguments,
        data_collator=collator,
        train_dataset=text,
        weights=counts,
        callbacks=[*([pruning] if pruning else []), *callbacks],
    )
    return run(trainer, output_dir)


class RepeatableMasking(DataCollatorForLanguageModeling):
    """Masks words for MLM by a generator that depends on the seed and on the batch's words alone.

    The Trainer fetches batches ahead of its steps, so that masks drawn from torch's global
    generator would be others after a resume than without the interruption.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizer
    mlm_probability : float
        Share of the tokens that are masked; special tokens never are.
    seed : int
    probabilities : dict of int to float, optional
        The share for single tokens, by their id.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        mlm_probability: float,
        seed: int,
        probabilities: Mapping[int, float] | None = None,
    ):
        highest = max([mlm_probability, *(probabilities or {}).values()])
        # given the seed too, it would make generators of its own
        super().__init__(tokenizer, mlm_probability=highest)
        self.masking_seed, self.by_chance = seed, bool(probabilities)
        # of the tokens that could be masked, so many are spared
        self.spared = torch.full((len(tokenizer),), 1 - mlm_probability / highest)
        for token, probability in (probabilities or {}).items():
            self.spared[token] = 1 - probability / highest
        self.spared[tokenizer.all_special_ids] = 1

    def torch_call(self, examples: list[Mapping[str, Any]]) -> dict[str, Tensor]:
        """A batch of examples, with words masked by a generator of the batch's own."""
        words = b"".join(
            np.asarray(example["input_ids"], dtype=np.int32).tobytes() for example in examples
        )
        self.generator = torch.Generator().manual_seed(zlib.crc32(words, self.masking_seed))
        return super().torch_call(examples)

    def torch_mask_tokens(
        self,
        inputs: Tensor,
        special_tokens_mask: Tensor | None = None,
        offset_mapping: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Mask some of the `inputs`, and give them and the labels.

        In place of `special_tokens_mask` stands what is spared here; `offset_mapping`, for whole
        words, is passed on.
        """
        spared = self.spared[inputs]
        spared = (
            torch.rand(spared.shape, generator=self.generator) < spared
            if self.by_chance
            else spared == 1
        )
        return super().torch_mask_tokens(inputs, spared, offset_mapping)


class MLMTrainer(Trainer):
    """A Trainer that computes the MLM output layer at the masked positions only.

    The loss is the same, in 32 bits, with label smoothing where the arguments ask for it.

    Parameters
    ----------
    weights : torch.Tensor, optional
        How much each token of the vocabulary counts in the loss; default 1 each.
    """

    def __init__(self, *args, weights: Tensor | None = None, **options):
        super().__init__(*args, **options)
        self.weights = weights

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, ModelOutput]:
        """The mean loss of the masked positions.

        Parameters
        ----------
        model : torch.nn.Module
        inputs : dict of str to torch.Tensor
            With ``labels``, which are -100 where nothing is masked.
        return_outputs : bool
            With the model's outputs, at all positions; computed as any Trainer does.
        num_items_in_batch : torch.Tensor or int, optional
            Masked positions of the step, in all processes; default those of `inputs`.
        """
        if return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        masked = labels != -100
        weights = None if self.weights is None else self.weights.to(labels.device)
        logits = masked_logits(model, inputs, masked).float()
        smoothing = self.args.label_smoothing_factor
        loss = cross_entropy(
            logits, labels[masked], weight=weights, reduction="sum", label_smoothing=smoothing
        )
        if num_items_in_batch is None:
            return loss / masked.sum()
        # the items of all processes together, but their gradients are averaged afterwards
        return loss * self.accelerator.num_processes / num_items_in_batch


# The module in which each family's MLM head begins; from there on every position is computed by
# itself
MLM_HEADS = {
    "bert": "cls",
    "distilbert": "vocab_transform",
    "roberta": "lm_head",
    "electra": "generator_predictions",
    "mobilebert": "cls",
    "albert": "predictions",
}


def masked_logits(model: nn.Module, inputs: Mapping[str, Tensor], masked: Tensor) -> Tensor:
    """Logits over the vocabulary at the masked positions; the large output layer skips the others.

    Parameters
    ----------
    model : torch.nn.Module
        A masked language model, also one that is wrapped for several processes. Where its MLM head
        is not known, the output layer is computed everywhere.
    inputs : dict of str to torch.Tensor
        Without labels.
    masked : torch.Tensor
        Bool, of shape (examples, tokens).

    Returns
    -------
    torch.Tensor
        Shape (masked positions, vocabulary).
    """
    bare = extract_model_from_parallel(model)
    head = getattr(bare, MLM_HEADS.get(bare.config.model_type, ""), None)
    if head is None:
        return model(**inputs).logits[masked]
    # by a hook and not by calling the model's parts: what wraps the model (autocast, gradients of
    # several processes) does its work in the model's own forward pass
    hook = head.register_forward_pre_hook(lambda module, hidden: (hidden[0][masked],))
    try:
        return model(**inputs).logits
    finally:
        hook.remove()


@torch.no_grad()
def mlm_loss(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: Dataset,
    batch_size: int = 128,
    seed: int = 0,
    mlm_probability: float = 0.15,
) -> float:
    """Mean MLM loss per masked token, in nats, on text masked by a fixed seed.

    The same positions are masked for every model, so that losses can be compared.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A masked language model.
    tokenizer : transformers.PreTrainedTokenizer
    text : datasets.Dataset
        Tokenised, see `helpers.data.load_text`.
    batch_size, seed : int
    mlm_probability : float
        Share of the tokens that are masked.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If no token of the text is masked.
    """
    use_threads(model)
    model.eval()
    collate = DataCollatorForLanguageModeling(tokenizer, mlm_probability=mlm_probability)
    total, count = 0.0, 0
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for start in range(0, len(text), batch_size):
            columns = text[start : start + batch_size]
            batch = collate(
                [{k: columns[k][i] for k in columns} for i in range(len(columns["input_ids"]))]
            ).to(model.device)
            labels = batch.pop("labels")
            masked = labels != -100
            logits = masked_logits(model, batch, masked).float()
            total += float(cross_entropy(logits, labels[masked], reduction="sum"))
            count += int(masked.sum())
    if not count:
        raise ValueError(
            f"no token is masked in the {len(text)} rows of this text with seed {seed} and "
            f"mlm_probability={mlm_probability}, so there is no loss to measure. Take more text, "
            "or a higher mlm_probability."
        )
    return total / count


@torch.no_grad()
def top_words(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentence: str, count: int = 5
) -> list[tuple[str, float]]:
    """The most probable words for the first [MASK] of a sentence.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A masked language model.
    tokenizer : transformers.PreTrainedTokenizer
    sentence : str
    count : int
        How many words.

    Returns
    -------
    list of (str, float)
        Word and probability.

    Raises
    ------
    ValueError
        If the sentence has no [MASK].
    """
    batch = tokenizer(
        sentence,
        return_tensors="pt",
        truncation=True,
        max_length=model.config.max_position_embeddings,
    )
    where = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero().flatten()
    if not len(where):
        raise ValueError(
            f"the sentence {sentence!r} holds no {tokenizer.mask_token}; write it where a word "
            "should be guessed"
        )
    probabilities = model.eval()(**batch).logits[0, where[0]].softmax(-1)
    best = probabilities.topk(count)
    return [
        (tokenizer.convert_ids_to_tokens(int(i)), float(p))
        for p, i in zip(best.values, best.indices)
    ]
