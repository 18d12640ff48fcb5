"""Fine-tuning a classifier, with masks or without, and its predictions."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    set_seed,
)
from transformers.trainer_pt_utils import LengthGroupedSampler

from ..machine import use_threads
from .callbacks import MagnitudePruning
from .running import check_options, run, shared_arguments


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    data: Dataset,
    *,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    output_dir: str | Path,
    seed: int = 0,
    pruning: MagnitudePruning | None = None,
    progress: bool = False,
    checkpoint_every: int | None = None,
    callbacks: Iterable[TrainerCallback] = (),
    **options,
) -> Trainer:
    """Fine-tune a classifier on a task, with or without pruning.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        From `load_classifier`; trained in place.
    data : datasets.Dataset
        Tokenised training examples with ``labels``.
    epochs : float
    tokenizer, batch_size, learning_rate, output_dir, seed
        As in `train_mlm`; the warm-up takes the first tenth of the optimizer's steps, as in the
        authors' code.
    pruning, progress, checkpoint_every, callbacks, **options
        As in `train_mlm`.

    Returns
    -------
    transformers.Trainer

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As in `train_mlm`.
    """
    check_options(options, fine_tune)
    accumulation = options.get("gradient_accumulation_steps", 1)
    steps = steps_of(len(data), epochs, batch_size, accumulation)
    arguments = shared_arguments(
        batch_size,
        len(data),
        output_dir,
        seed,
        progress,
        checkpoint_every,
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        per_device_eval_batch_size=128,
        **{"warmup_steps": steps // 10} | options,
    )
    set_seed(seed)
    trainer = FineTuner(
        model,
        arguments,
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=data,
        callbacks=[*([pruning] if pruning else []), *callbacks],
    )
    # else transformers takes the model to divide the loss by the batches of a step, which none does
    trainer.model_accepts_loss_kwargs = False
    return run(trainer, output_dir)


class FineTuner(Trainer):
    """A Trainer whose batches of examples of like length follow from seed and epoch alone.

    The library draws them from the global generator, whose state is another one after a resumed
    epoch, and in each of several processes.
    """

    def _get_train_sampler(self, train_dataset=None):
        sampler = super()._get_train_sampler(train_dataset)
        if isinstance(sampler, LengthGroupedSampler):
            sampler = ByEpoch(sampler.batch_size, lengths=sampler.lengths)
            sampler.seed = self.args.seed
            sampler.set_epoch(0)
        return sampler


class ByEpoch(LengthGroupedSampler):
    """Batches of examples of like length, drawn anew for each epoch."""

    seed = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw what comes for an epoch; accelerate calls this."""
        # the generator mixes its seed, so neighbours are not alike
        self.generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)


def steps_of(rows: int, epochs: float, batch_size: int, accumulation: int = 1) -> int:
    """How many optimizer steps a fine-tuning takes.

    Parameters
    ----------
    rows : int
        Training examples.
    epochs : float
    batch_size : int
    accumulation : int
        Batches a step: the field ``gradient_accumulation_steps`` of `TrainingArguments`.

    Returns
    -------
    int

    Examples
    --------
    >>> steps_of(160, epochs=2, batch_size=8), steps_of(160, 2, 8, accumulation=4)
    (40, 10)
    """
    batches = math.ceil(rows / batch_size)
    return math.ceil(math.ceil(batches / accumulation) * epochs)


@torch.no_grad()
def predict(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Dataset, batch_size: int = 128
) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of tokenised examples.

    Parameters
    ----------
    model : transformers.PreTrainedModel
    tokenizer : transformers.PreTrainedTokenizer
    data : datasets.Dataset
        At least one example, tokenised, with ``labels``.
    batch_size : int

    Returns
    -------
    logits : numpy.ndarray
        Shape (examples, labels).
    labels : numpy.ndarray
        Shape (examples,).

    Raises
    ------
    ValueError
        If there are no examples.
    """
    if not len(data):
        raise ValueError(
            "there are no examples to predict: the data have no rows. Pass at least one example; "
            "a profile's dev_rows and train_rows say how many are used."
        )
    use_threads(model)
    model.eval()
    collate = DataCollatorWithPadding(tokenizer)
    keep = set(tokenizer.model_input_names) | {"labels"}
    # like lengths together: little padding
    order = np.argsort([len(ids) for ids in data["input_ids"]], kind="stable")
    logits, labels = [], []
    for start in range(0, len(data), batch_size):
        columns = data[order[start : start + batch_size]]
        rows = [
            {k: columns[k][i] for k in columns if k in keep} for i in range(len(columns["labels"]))
        ]
        batch = collate(rows).to(model.device)
        labels.append(batch.pop("labels").cpu())
        logits.append(model(**batch).logits.float().cpu())
    back = np.argsort(order)
    return torch.cat(logits).numpy()[back], torch.cat(labels).numpy()[back]
