"""Training with `transformers.Trainer`: a callback that prunes, MLM training, fine-tuning, losses.

Nothing here knows which experiment it is part of.
"""

import contextlib
import dataclasses
import difflib
import inspect
import json
import math
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import extract_model_from_parallel
from datasets import Dataset, IterableDataset
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback, TrainerState
from transformers.utils import ModelOutput
from transformers.utils import logging as transformers_logging

from .machine import launched_processes, use_threads
from .pruning import (
    check_family,
    check_masks,
    check_scope,
    check_sparsity,
    cubic_sparsity,
    masks_for,
    prunable_parameters,
)

STATE_FILE = "pruning_state.safetensors"
# transformers keeps a checkpoint's own type, but in half precision small updates are lost
IN_32_BITS = {"dtype": torch.float32}


class MagnitudePruning(TrainerCallback):
    """Prune by magnitude while a `Trainer` trains.

    The forward pass sees mask × weight, pruned entries get no gradient, and the value under the
    mask survives, so that a weight may return when the masks are recomputed: what
    `tf.contrib.model_pruning` did in the authors' code. What the Trainer saves is an ordinary
    checkpoint with exact zeros; the values under the masks are kept beside it in
    ``pruning_state.safetensors``, so that training can be resumed.

    A frozen matrix (``requires_grad_(False)``) is pruned like the others; it just does not learn.
    At the end of training the model is compared with what was asked for: a sparsity that was not
    reached is an error. With ``load_best_model_at_end`` the masks become those of the best model.

    Parameters
    ----------
    sparsity : float, optional
        Final sparsity in [0, 1). Leave out when `masks` is given.
    begin, end : int
        Optimizer steps between which the sparsity rises from `initial` to `sparsity` (cubic, see
        `helpers.pruning.cubic_sparsity`). The default, 0 and 0, prunes in one shot before the first
        step.
    initial : float
        Sparsity at `begin`.
    frequency : int
        The masks are recomputed from the magnitudes every `frequency` steps, also after `end`.
    scope : {"matrix", "global"}
        One threshold for each matrix (the paper) or one for all.
    masks : dict of str to torch.Tensor, optional
        Fixed masks: these and no others, from the first step to the last.

    Attributes
    ----------
    masks : dict of str to torch.Tensor
        The masks in force, bool.
    dense : dict of str to torch.Tensor
        The weights with the values under the masks. With fixed masks these could never return, so
        there it is empty.
    history : list of (int, float)
        Step and sparsity at each recomputation of the masks.

    Examples
    --------
    >>> callback = MagnitudePruning(0.6, end=1000)  # for a Trainer's callbacks
    >>> [round(callback.sparsity_at(step), 3) for step in (0, 500, 1000)]
    [0.0, 0.525, 0.6]

    References
    ----------
    Gordon, Duh & Andrews 2020, Sec. 3.1-3.2; Zhu & Gupta 2017.
    """

    def __init__(
        self,
        sparsity: float | None = None,
        *,
        begin: int = 0,
        end: int = 0,
        initial: float = 0.0,
        frequency: int = 10,
        scope: str = "matrix",
        masks: Mapping[str, Tensor] | None = None,
    ):
        if (sparsity is None) == (masks is None):
            raise ValueError(
                "pass either a sparsity, for masks by magnitude, or masks, to keep them fixed"
            )
        if frequency < 1:
            raise ValueError(f"frequency must be at least 1 step, got {frequency!r}")
        self.sparsity = None if sparsity is None else check_sparsity(sparsity)
        self.begin, self.end = begin, end
        self.initial, self.frequency, self.scope = initial, frequency, scope
        self.masks = dict(masks or {})
        self.fixed = masks is not None
        self.history = []
        self._handles, self._factors, self._masked = [], {}, {}
        if not self.fixed:
            # a bad ramp or a bad scope is an error now, not in the middle of training
            self.sparsity_at(0)
            check_scope(scope)

    def sparsity_at(self, step: int) -> float:
        """The scheduled sparsity at a step."""
        if self.sparsity is None:
            raise ValueError("fixed masks have no schedule; pass a sparsity to have one")
        return cubic_sparsity(
            step, begin=self.begin, end=self.end, initial=self.initial, final=self.sparsity
        )

    def importance(self) -> dict[str, Tensor]:
        """What the masks are computed from: the entries smallest in magnitude are pruned."""
        return self.dense

    def masked_gradient(self, name: str, gradient: Tensor) -> Tensor:
        """The gradient that a weight gets, from the gradient of mask × weight."""
        return gradient * self._factors[name]

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self.weights = prunable_parameters(model)
        self.dense = {}
        if self.fixed:
            check_masks(self.weights, self.masks)
            self.weights = {name: self.weights[name] for name in self.masks}
            self._set(self.masks)
        elif self.end >= state.max_steps:
            raise ValueError(
                f"the sparsity ramp ends at step {self.end}, but training stops after "
                f"{state.max_steps} steps, before the masks are final; shorten the ramp or train "
                "longer"
            )
        elif state.global_step:
            self._load(Path(args.output_dir) / f"checkpoint-{state.global_step}" / STATE_FILE)
        else:
            self.dense = {name: weight.detach().clone() for name, weight in self.weights.items()}
            self._set(
                {
                    name: torch.ones_like(weight, dtype=torch.bool)
                    for name, weight in self.weights.items()
                }
            )
        for name, weight in self.weights.items():
            if weight.requires_grad:
                hook = lambda gradient, name=name: self.masked_gradient(name, gradient)
                self._handles.append(weight.register_hook(hook))

    def on_step_begin(self, args, state, control, **kwargs):
        step = state.global_step
        if self.fixed or step < self.begin:
            return
        if step == self.end or (step - self.begin) % self.frequency == 0:
            sparsity = self.sparsity_at(step)
            self._set(masks_for(self.importance(), sparsity, self.scope))
            self.history.append((step, sparsity))

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        # The optimizer works on the values under the masks, too: weight decay and momentum still
        # move them.
        for name, dense in self.dense.items():
            self._masked[name], self.weights[name].data = self.weights[name].data, dense

    def on_optimizer_step(self, args, state, control, **kwargs):
        for name in self.dense:
            self.weights[name].data = self._masked[name]
        self._mask()

    def on_save(self, args, state, control, **kwargs):
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self.dense and state.is_world_process_zero and folder.is_dir():
            part = folder / f"{STATE_FILE}.part"
            save_file(self._state(), part, {"values": json.dumps(self._values())})
            os.replace(part, folder / STATE_FILE)

    def on_train_end(self, args, state, control, **kwargs):
        self.release()
        best = state.best_model_checkpoint
        if args.load_best_model_at_end and best and not self.fixed:
            self._load(Path(best) / STATE_FILE)
        self.check_reached()

    def check_reached(self) -> None:
        """Raise a RuntimeError that says how the model differs from what was asked for."""
        weights = {name: weight.detach() for name, weight in self.weights.items()}
        diverged = [name for name, weight in weights.items() if not weight.isfinite().all()]
        if diverged:
            raise RuntimeError(
                f"training diverged: {diverged[0]} holds NaN or infinite entries. Lower the "
                "learning rate, or warm up for longer."
            )
        full = [name for name, weight in weights.items() if weight[~self.masks[name]].any()]
        if full:
            raise RuntimeError(
                f"the masks are not in force at the end of training: {full[0]} has other values "
                "than 0 where it is pruned. Something else changed the weights, such as another "
                "callback; leave it out."
            )
        if self.sparsity is None:
            return
        counts = [(int((~mask).sum()), mask.numel()) for mask in self.masks.values()]
        if self.scope == "global":
            counts = [(sum(zeros for zeros, _ in counts), sum(entries for _, entries in counts))]
        if any(zeros != round(entries * self.sparsity) for zeros, entries in counts):
            reached = sum(zeros for zeros, _ in counts) / sum(entries for _, entries in counts)
            raise RuntimeError(
                f"a sparsity of {self.sparsity:g} was asked for, but the model that came out has "
                f"{reached:.4f}: training ended, or its best model was saved, before the ramp "
                f"ended at step {self.end}. Train longer, shorten the ramp, or let early stopping "
                "and the choice of the best model begin after it."
            )

    def release(self) -> None:
        """Take the hooks off the model's weights; needed only after an interrupted training."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _set(self, masks):
        self.masks = {name: mask.to(self.weights[name].device) for name, mask in masks.items()}
        # as floats they multiply ten times faster on a CPU than as bools
        self._factors = {
            name: mask.to(self.weights[name].dtype) for name, mask in self.masks.items()
        }
        self._mask()

    @torch.no_grad()
    def _mask(self):
        for name, weight in self.weights.items():
            torch.mul(self.dense.get(name, weight), self._factors[name], out=weight)

    def _state(self):
        return {f"dense.{name}": value for name, value in self.dense.items()} | {
            f"mask.{name}": mask for name, mask in self.masks.items()
        }

    def _values(self):
        """What a training that is resumed must have been started with."""
        names = ("sparsity", "begin", "end", "initial", "frequency", "scope")
        return {name: getattr(self, name) for name in names}

    def _load(self, path):
        if not path.is_file():
            raise FileNotFoundError(
                f"cannot resume pruning: {path} is missing. Resume from a checkpoint in the "
                "Trainer's output_dir that was saved while this callback was active, or start "
                "afresh."
            )
        saved = load_file(path)
        self.dense = {
            name: saved[f"dense.{name}"].to(weight.device) for name, weight in self.weights.items()
        }
        self._set({name: saved[f"mask.{name}"] for name in self.weights})


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


def load_mlm(
    name_or_path: str | Path | None, config: PreTrainedConfig | None = None
) -> PreTrainedModel:
    """A masked language model with the pooler of its checkpoint, where fine-tuning starts from one.

    `AutoModelForMaskedLM` drops the pooler, which MLM does not train but fine-tuning starts from;
    the paper prunes it like the rest (Table 3). DistilBERT, RoBERTa and ELECTRA are fine-tuned
    without it. With a `config` instead of a checkpoint, all weights are new.

    Parameters
    ----------
    name_or_path : str or path
        Hub id or folder; ignored when `config` is given.
    config : transformers.PreTrainedConfig, optional

    Returns
    -------
    transformers.PreTrainedModel
        Its weights have 32 bits, whatever the checkpoint's have.

    Raises
    ------
    ValueError
        If the model is of none of `helpers.pruning.FAMILIES`.

    Warns
    -----
    UserWarning
        If the checkpoint has no MLM head, so that a new one has to be trained first. ELECTRA's
        discriminators have none.
    """
    fresh = config is not None
    if config is None:
        config = AutoConfig.from_pretrained(name_or_path)
    check_family(config, None if fresh else str(name_or_path))
    with quiet():
        if fresh:
            model = AutoModelForMaskedLM.from_config(config, **IN_32_BITS)
            encoder = AutoModel.from_config(config, **IN_32_BITS)
        else:
            model, loading = AutoModelForMaskedLM.from_pretrained(
                name_or_path, output_loading_info=True, **IN_32_BITS
            )
            encoder = AutoModel.from_pretrained(name_or_path, **IN_32_BITS)
    with torch.device("meta"):
        classifier = AutoModelForSequenceClassification.from_config(config)
    if getattr(classifier.base_model, "pooler", None) is None and hasattr(encoder, "pooler"):
        encoder.pooler = None
    setattr(model, model.base_model_prefix, encoder)
    model.tie_weights()
    if not fresh and any(
        not key.startswith(model.base_model_prefix) for key in loading["missing_keys"]
    ):
        other = (
            " It is an ELECTRA discriminator, which learnt to spot replaced words; the generator, "
            "such as google/electra-small-generator, has an MLM head."
            if config.model_type == "electra"
            else ""
        )
        warnings.warn(
            f"{name_or_path} has no MLM head, so it got a new, untrained one. Train it before you "
            f"prune: set the profile's burn_in_steps.{other}",
            stacklevel=2,
        )
    return model


def label_options(labels: Sequence[str]) -> dict:
    """Fields of a model's configuration for these labels; one label means regression."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "problem_type": "regression" if len(labels) == 1 else "single_label_classification",
    }


def load_classifier(name_or_path: str | Path, labels: Sequence[str]) -> PreTrainedModel:
    """A sequence classifier on a checkpoint's encoder, with a new classification layer.

    With one label it is a regression model, whose loss is the squared error. Its weights have 32
    bits, whatever the checkpoint's have.
    """
    with quiet():
        return AutoModelForSequenceClassification.from_pretrained(
            name_or_path, ignore_mismatched_sizes=True, **label_options(labels), **IN_32_BITS
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' loading bars and reports of new or unused weights, expected here."""
    verbosity, bars = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def _arguments(output_dir, seed, progress, checkpoint_every, **more):
    defaults = dict(
        output_dir=str(output_dir),
        seed=seed,
        data_seed=seed,
        disable_tqdm=not progress,
        report_to="none",
        logging_strategy="steps" if progress else "no",
        logging_steps=50,
        weight_decay=0.01,
        max_grad_norm=1.0,
        save_strategy="steps" if checkpoint_every else "no",
        save_steps=checkpoint_every or 500,
        save_total_limit=2,  # the last one may be half saved when the process is killed
        lr_scheduler_type="linear",
        dataloader_pin_memory=torch.cuda.is_available(),
        # else the Trainer refuses bfloat16 on a CPU, and does not see the other processes
        use_cpu=not torch.cuda.is_available()
        and (bool(more.get("bf16")) or launched_processes() > 1),
    )
    return TrainingArguments(**(defaults | more))


def _shared_arguments(batch_size, rows, *common, **options):
    """Arguments for batches of `batch_size` in all, however many processes or GPUs there are.

    The first process collates each batch, so that its words are masked as in a training by one
    process.
    """
    processes = launched_processes()
    if batch_size % processes:
        raise ValueError(
            f"batches of {batch_size} cannot be divided among {processes} processes; start a "
            f"number of them that divides {batch_size}"
        )
    if processes > 1:
        options |= dict(
            accelerator_config={"split_batches": True, "dispatch_batches": True},
            dataloader_drop_last=rows % batch_size % processes > 0,
        )
    arguments = _arguments(*common, per_device_train_batch_size=batch_size, **options)
    # else a process that sees several GPUs makes batches that many times larger
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def check_options(options: Mapping, function: Callable | None = None) -> None:
    """Raise an error if training options are no fields of `TrainingArguments`, or taken already.

    Parameters
    ----------
    options : dict
        More fields of `transformers.TrainingArguments`, such as a profile part's ``options``.
    function : callable, optional
        `train_mlm` or `fine_tune`, whose own arguments these must not be; default: neither's.

    Raises
    ------
    ValueError
        If a field is set by the course, from a value of the profile.
    TypeError
        If there is no such field.

    Examples
    --------
    >>> check_options({"adam_epsilom": 1e-6})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: 'adam_epsilom' is no field of ...TrainingArguments; did you mean adam_epsilon?
    """
    fields = {field.name for field in dataclasses.fields(TrainingArguments) if field.init}
    functions: list[Callable] = [function] if function else [train_mlm, fine_tune]
    named = {name for f in functions for name in inspect.signature(f).parameters} - {"options"}
    for name in options:
        if name in named or name in TAKEN:
            raise ValueError(
                f"{name!r} cannot be set by options: the course sets it itself, from the "
                "profile's other values. Change those instead."
            )
        if name not in fields:
            close = difflib.get_close_matches(name, fields)
            hint = f"did you mean {' or '.join(close)}?" if close else "see its documentation."
            raise TypeError(f"{name!r} is no field of transformers.TrainingArguments; {hint}")


# Fields of TrainingArguments that follow from the arguments of `train_mlm` and `fine_tune`
TAKEN = (
    "max_steps",
    "num_train_epochs",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
)


class Interrupted(KeyboardInterrupt):
    """Work was interrupted: in a notebook one sentence, since a traceback tells nothing more."""

    def _render_traceback_(self):
        return [str(self)]


def _train(trainer, output_dir):
    low = {p.dtype for p in trainer.model.parameters() if p.is_floating_point()} - {
        torch.float32,
        torch.float64,
    }
    if low:
        raise ValueError(
            f"the model's weights are {low.pop()}, in which small updates are lost. Convert it "
            "with model.float(); to compute in half precision, set bf16=True in the options."
        )
    use_threads(trainer.model)
    trainer.remove_callback(PrinterCallback)
    pruning = [c for c in trainer.callback_handler.callbacks if isinstance(c, MagnitudePruning)]
    needed = [
        "model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "training_args.bin",
        *([STATE_FILE] if any(not c.fixed for c in pruning) else []),
    ]
    last = _last_checkpoint(output_dir, needed)
    if last:
        _check_resumed(trainer, pruning, Path(last))
    if last and _restored(trainer, pruning, Path(last)):
        return trainer
    # else all processes that train together would drop out the same units
    if trainer.args.process_index:
        torch.manual_seed(trainer.args.seed + trainer.args.process_index)
    try:
        with warnings_off(), quiet():
            trainer.train(resume_from_checkpoint=last)
    except KeyboardInterrupt:
        kept = (
            f"; the same call resumes from {output_dir}"
            if trainer.args.save_strategy != "no"
            else ""
        )
        raise Interrupted(
            f"Interrupted after {trainer.state.global_step:,} of {trainer.state.max_steps:,} "
            f"steps{kept}. The model is as these steps left it: load it anew before another "
            "training."
        ) from None
    finally:
        for callback in pruning:
            callback.release()
    return trainer


# the fields of TrainingArguments that a training cannot change on the way
LASTING = (
    "learning_rate",
    "lr_scheduler_type",
    "max_grad_norm",
    "max_steps",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "seed",
    "warmup_steps",
    "weight_decay",
)


def _check_resumed(trainer, pruning, folder):
    """Refuse to go on with other values than those of the training that was interrupted."""
    saved = torch.load(folder / "training_args.bin", weights_only=False)
    then = {name: getattr(saved, name) for name in LASTING}
    now = {name: getattr(trainer.args, name) for name in LASTING}
    for callback in pruning:
        if not callback.fixed:
            with safe_open(folder / STATE_FILE, "pt") as file:
                then |= json.loads((file.metadata() or {}).get("values", "{}"))
            now |= callback._values()
    for name in then:
        if then[name] != now[name]:
            raise ValueError(
                f"cannot resume from {folder}: it was made with {name} = {then[name]!r}, now it is "
                f"{now[name]!r}. Go on with the old value, or take another output_dir"
            )


def _restored(trainer, pruning, folder):
    """Whether a checkpoint is of a training's end, whose model is then loaded.

    Resumed there, the Trainer would take one more step.
    """
    state = TrainerState.load_from_json(folder / "trainer_state.json")
    if state.global_step < state.max_steps:
        return False
    trainer.state = state
    load_model(trainer.model, folder / "model.safetensors", strict=False)
    for callback in pruning:
        callback.weights = prunable_parameters(trainer.model)
        if callback.fixed:
            callback.weights = {name: callback.weights[name] for name in callback.masks}
        else:
            callback._load(folder / STATE_FILE)
        callback.check_reached()
    return True


def _last_checkpoint(output_dir, needed):
    """The last checkpoint that was saved to its end and not begun to be deleted, or None."""
    for folder in sorted(
        Path(output_dir).glob("checkpoint-*"),
        key=lambda f: int(f.name.rpartition("-")[2]),
        reverse=True,
    ):
        try:
            json.loads((folder / "trainer_state.json").read_text())  # the Trainer writes it last
            if all((folder / name).is_file() for name in needed):
                return str(folder)
        except (OSError, ValueError):
            pass
        warnings.warn(
            f"{folder} was not saved to its end, or without pruning; not resuming from it",
            stacklevel=4,
        )
    return None


@contextlib.contextmanager
def warnings_off() -> Iterator[None]:
    """No advice from the libraries about GPUs that this machine does not have."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        yield


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
    arguments = _shared_arguments(
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
    return _train(trainer, output_dir)


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
    arguments = _shared_arguments(
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
    trainer = Trainer(
        model,
        arguments,
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=data,
        callbacks=[*([pruning] if pruning else []), *callbacks],
    )
    return _train(trainer, output_dir)


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


class EachEpoch(TrainerCallback):
    """Calls a function with the model after each epoch of training.

    Parameters
    ----------
    function : callable
        Takes the model; what it returns is dropped.
    """

    def __init__(self, function):
        self.function = function

    def on_epoch_end(self, args, state, control, model=None, **kwargs):
        self.function(model)
