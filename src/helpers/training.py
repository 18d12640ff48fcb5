"""Training with `transformers.Trainer`: a callback that prunes, MLM training, fine-tuning, losses.

Nothing here knows which experiment it is part of.
"""

import contextlib
import json
import os
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from accelerate.utils import extract_model_from_parallel
from datasets import IterableDataset
from safetensors.torch import load_file, load_model, save_file
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback, TrainerState
from transformers.utils import logging as transformers_logging

from .machine import launched_processes
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


class MagnitudePruning(TrainerCallback):
    """Prune by magnitude while a `Trainer` trains.

    The forward pass sees mask × weight, pruned entries get no gradient, and the value under the mask
    survives, so that a weight may return when the masks are recomputed: what `tf.contrib.model_pruning`
    did in the authors' code. What the Trainer saves is an ordinary checkpoint with exact zeros; the values
    under the masks are kept beside it in ``pruning_state.safetensors``, so that training can be resumed.

    Parameters
    ----------
    sparsity : float, optional
        Final sparsity in [0, 1). Leave out when `masks` is given.
    begin, end : int
        Optimizer steps between which the sparsity rises from `initial` to `sparsity` (cubic, see
        `helpers.pruning.cubic_sparsity`). The default, 0 and 0, prunes in one shot before the first step.
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
        The weights with the values under the masks. With fixed masks these could never return, so there it is empty.
    history : list of (int, float)
        Step and sparsity at each recomputation of the masks.

    Examples
    --------
    >>> trainer = Trainer(model, args, train_dataset=data, callbacks=[MagnitudePruning(0.6, end=1000)])  # doctest: +SKIP

    References
    ----------
    Gordon, Duh & Andrews 2020, Sec. 3.1-3.2; Zhu & Gupta 2017.
    """

    def __init__(
        self,
        sparsity=None,
        *,
        begin=0,
        end=0,
        initial=0.0,
        frequency=10,
        scope="matrix",
        masks=None,
    ):
        if (sparsity is None) == (masks is None):
            raise ValueError(
                "pass either a sparsity, for masks by magnitude, or masks, to keep them fixed"
            )
        if frequency < 1:
            raise ValueError(f"frequency must be at least 1 step, got {frequency!r}")
        self.sparsity, self.begin, self.end = sparsity, begin, end
        self.initial, self.frequency, self.scope = initial, frequency, scope
        self.masks = dict(masks) if masks is not None else None
        self.fixed = masks is not None
        self.history = []
        self._handles, self._factors, self._masked = [], {}, {}
        if not self.fixed:
            self.sparsity = check_sparsity(sparsity)
            self.sparsity_at(
                0
            )  # a bad ramp or a bad scope is an error now, not in the middle of training
            check_scope(scope)

    def sparsity_at(self, step):
        """The scheduled sparsity at a step."""
        return cubic_sparsity(
            step, begin=self.begin, end=self.end, initial=self.initial, final=self.sparsity
        )

    def importance(self):
        """What the masks are computed from: the entries smallest in magnitude are pruned."""
        return self.dense

    def masked_gradient(self, name, gradient):
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
                f"the sparsity ramp ends at step {self.end}, but training stops after {state.max_steps} steps, before "
                "the masks are final; shorten the ramp or train longer"
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
            self._handles.append(
                weight.register_hook(
                    lambda gradient, name=name: self.masked_gradient(name, gradient)
                )
            )

    def on_step_begin(self, args, state, control, **kwargs):
        step = state.global_step
        if self.fixed or step < self.begin:
            return
        if step == self.end or (step - self.begin) % self.frequency == 0:
            sparsity = self.sparsity_at(step)
            self._set(masks_for(self.importance(), sparsity, self.scope))
            self.history.append((step, sparsity))

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        # The optimizer works on the values under the masks, too: weight decay and momentum still move them.
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
            save_file(self._state(), part)
            os.replace(part, folder / STATE_FILE)

    def on_train_end(self, args, state, control, **kwargs):
        self.release()

    def release(self):
        """Take the hooks off the model's weights; needed only after a training that was interrupted."""
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

    def _load(self, path):
        if not path.is_file():
            raise FileNotFoundError(
                f"cannot resume pruning: {path} is missing. Resume from a checkpoint in the Trainer's output_dir that was "
                "saved while this callback was active, or start afresh."
            )
        saved = load_file(path)
        self.dense = {
            name: saved[f"dense.{name}"].to(weight.device) for name, weight in self.weights.items()
        }
        self._set({name: saved[f"mask.{name}"] for name in self.weights})


# The module in which each family's MLM head begins; from there on every position is computed by itself
MLM_HEADS = {
    "bert": "cls",
    "distilbert": "vocab_transform",
    "roberta": "lm_head",
    "electra": "generator_predictions",
    "mobilebert": "cls",
    "albert": "predictions",
}


def masked_logits(model, inputs, masked):
    """Logits over the vocabulary at the masked positions, without computing the large output layer at the others.

    Parameters
    ----------
    model : torch.nn.Module
        A masked language model, also one that is wrapped for several processes. Where its MLM head is not known, the
        output layer is computed everywhere.
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
    # by a hook and not by calling the model's parts: what wraps the model (autocast, gradients of several
    # processes) does its work in the model's own forward pass
    hook = head.register_forward_pre_hook(lambda module, hidden: (hidden[0][masked],))
    try:
        return model(**inputs).logits
    finally:
        hook.remove()


class MLMTrainer(Trainer):
    """A Trainer that computes the MLM output layer at the masked positions only: the same loss, less work.

    Parameters
    ----------
    weights : torch.Tensor, optional
        How much each token of the vocabulary counts in the loss; default 1 each.
    """

    def __init__(self, *args, weights=None, **options):
        super().__init__(*args, **options)
        self.weights = weights

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        masked = labels != -100
        weights = None if self.weights is None else self.weights.to(labels.device)
        logits = masked_logits(model, inputs, masked)
        loss = cross_entropy(logits, labels[masked], weight=weights, reduction="sum")
        if num_items_in_batch is None:
            return loss / masked.sum()
        # the items of all processes together, but their gradients are averaged afterwards
        return loss * self.accelerator.num_processes / num_items_in_batch


class RepeatableMasking(DataCollatorForLanguageModeling):
    """Masks words for MLM by a generator that depends on the seed and on the batch's words alone.

    The Trainer fetches batches ahead of its steps, so that masks drawn from torch's global generator would be
    others after a resume than without the interruption.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizer
    mlm_probability : float
        Share of the tokens that are masked; special tokens never are.
    seed : int
    probabilities : dict of int to float, optional
        The share for single tokens, by their id.
    """

    def __init__(self, tokenizer, mlm_probability, seed, probabilities=None):
        highest = max([mlm_probability, *(probabilities or {}).values()])
        super().__init__(
            tokenizer, mlm_probability=highest
        )  # given the seed too, it would make generators of its own
        self.masking_seed, self.by_chance = seed, bool(probabilities)
        # of the tokens that could be masked, so many are spared
        self.spared = torch.full((len(tokenizer),), 1 - mlm_probability / highest)
        for token, probability in (probabilities or {}).items():
            self.spared[token] = 1 - probability / highest
        self.spared[tokenizer.all_special_ids] = 1

    def torch_call(self, examples):
        words = b"".join(
            np.asarray(example["input_ids"], dtype=np.int32).tobytes() for example in examples
        )
        self.generator = torch.Generator().manual_seed(zlib.crc32(words, self.masking_seed))
        return super().torch_call(examples)

    def torch_mask_tokens(self, inputs, special_tokens_mask=None, offset_mapping=None):
        spared = self.spared[inputs]
        spared = (
            torch.rand(spared.shape, generator=self.generator) < spared
            if self.by_chance
            else spared == 1
        )
        return super().torch_mask_tokens(inputs, spared, offset_mapping)


def load_mlm(name_or_path, config=None):
    """A masked language model that keeps the pooler of its checkpoint, where fine-tuning starts from one.

    `AutoModelForMaskedLM` drops the pooler, which MLM does not train but fine-tuning starts from; the paper
    prunes it like the rest (Table 3). DistilBERT, RoBERTa and ELECTRA are fine-tuned without it. With a `config` instead
    of a checkpoint, all weights are new.

    Parameters
    ----------
    name_or_path : str or path
        Hub id or folder; ignored when `config` is given.
    config : transformers.PreTrainedConfig, optional

    Returns
    -------
    transformers.PreTrainedModel

    Raises
    ------
    ValueError
        If the model is of none of `helpers.pruning.FAMILIES`.

    Warns
    -----
    UserWarning
        If the checkpoint has no MLM head, so that a new one has to be trained first. ELECTRA's discriminators have none.
    """
    fresh = config is not None
    config = config if fresh else AutoConfig.from_pretrained(name_or_path)
    check_family(config, None if fresh else str(name_or_path))
    with quiet():
        if fresh:
            model, encoder = AutoModelForMaskedLM.from_config(config), AutoModel.from_config(config)
        else:
            model, loading = AutoModelForMaskedLM.from_pretrained(
                name_or_path, output_loading_info=True
            )
            encoder = AutoModel.from_pretrained(name_or_path)
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
            " It is an ELECTRA discriminator, which learnt to spot replaced words; the generator, such as "
            "google/electra-small-generator, has an MLM head."
            if config.model_type == "electra"
            else ""
        )
        warnings.warn(
            f"{name_or_path} has no MLM head, so it got a new, untrained one. Train it before you prune: "
            f"set the profile's burn_in_steps.{other}",
            stacklevel=2,
        )
    return model


def label_options(labels):
    """Fields of a model's configuration for a task with these labels; one label means regression."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "problem_type": "regression" if len(labels) == 1 else "single_label_classification",
    }


def load_classifier(name_or_path, labels):
    """A sequence classifier on a checkpoint's encoder, with a new classification layer for `labels`.

    With one label it is a regression model, whose loss is the squared error.
    """
    with quiet():
        return AutoModelForSequenceClassification.from_pretrained(
            name_or_path, ignore_mismatched_sizes=True, **label_options(labels)
        )


@contextlib.contextmanager
def quiet():
    """Silence transformers' loading bars and reports of new or unused weights: both are expected here."""
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

    The first process collates each batch, so that its words are masked as in a training by one process.
    """
    processes = launched_processes()
    if batch_size % processes:
        raise ValueError(
            f"batches of {batch_size} cannot be divided among {processes} processes; start a number of them that divides {batch_size}"
        )
    if processes > 1:
        options |= dict(
            accelerator_config={"split_batches": True, "dispatch_batches": True},
            dataloader_drop_last=rows % batch_size % processes > 0,
        )
    arguments = _arguments(*common, per_device_train_batch_size=batch_size, **options)
    arguments._n_gpu = min(
        arguments.n_gpu, 1
    )  # else a process that sees several GPUs makes batches that many times larger
    return arguments


def _train(trainer, output_dir):
    trainer.remove_callback(PrinterCallback)
    pruning = [c for c in trainer.callback_handler.callbacks if isinstance(c, MagnitudePruning)]
    needed = [
        "model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        *([STATE_FILE] if any(not c.fixed for c in pruning) else []),
    ]
    last = _last_checkpoint(output_dir, needed)
    if last and _restored(trainer, pruning, Path(last)):
        return trainer
    if (
        trainer.args.process_index
    ):  # else all processes that train together would drop out the same units
        torch.manual_seed(trainer.args.seed + trainer.args.process_index)
    try:
        with warnings_off(), quiet():
            trainer.train(resume_from_checkpoint=last)
    finally:
        for callback in pruning:
            callback.release()
    return trainer


def _restored(trainer, pruning, folder):
    """Whether a checkpoint is of a training's end, whose model is then loaded: resumed there, the Trainer would take one more step."""
    state = TrainerState.load_from_json(folder / "trainer_state.json")
    if state.global_step < state.max_steps:
        return False
    trainer.state = state
    load_model(trainer.model, folder / "model.safetensors", strict=False)
    for callback in pruning:
        if not callback.fixed:
            callback.weights = prunable_parameters(trainer.model)
            callback._load(folder / STATE_FILE)
    return True


def _last_checkpoint(output_dir, needed):
    """The last checkpoint in a folder that was saved to its end and not begun to be deleted, or None."""
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
def warnings_off():
    """No advice from the libraries about GPUs that this machine does not have."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*pin_memory.*")
        yield


def train_mlm(
    model,
    tokenizer,
    text,
    *,
    steps,
    batch_size,
    learning_rate,
    output_dir,
    seed=0,
    warmup_steps=10,
    mlm_probability=0.15,
    probabilities=None,
    weights=None,
    pruning=None,
    progress=False,
    checkpoint_every=None,
    callbacks=(),
    **options,
):
    """Train a masked language model, with or without pruning; resumes from the last checkpoint in `output_dir`.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        From `load_mlm`; trained in place.
    tokenizer : transformers.PreTrainedTokenizer
    text : datasets.Dataset or datasets.IterableDataset
        Tokenised (see `helpers.data.load_text`). A stream is shuffled by its files and in a buffer of 10,000 rows, and
        read again in the same order if it ends before the training; to resume, the Trainer reads it up to where it was.
        The Trainer drops its ``special_tokens_mask``, so any token but the special ones may be masked.
    steps, batch_size, warmup_steps, seed : int
        Several processes (``accelerate launch``) divide each batch among them.
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
    **options
        Any other field of `transformers.TrainingArguments`.

    Returns
    -------
    transformers.Trainer
    """
    rows = (
        0 if isinstance(text, IterableDataset) else len(text)
    )  # a stream is repeated, so its last batch is whole
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
    counts = torch.ones(model.config.vocab_size) if weights else None
    for token, weight in (weights or {}).items():
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


def fine_tune(
    model,
    tokenizer,
    data,
    *,
    epochs,
    batch_size,
    learning_rate,
    output_dir,
    seed=0,
    pruning=None,
    progress=False,
    checkpoint_every=None,
    callbacks=(),
    **options,
):
    """Fine-tune a classifier on a task, with or without pruning.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        From `load_classifier`; trained in place.
    data : datasets.Dataset
        Tokenised training examples with ``labels``.
    epochs : float
    others
        As in `train_mlm`; the warm-up takes the first tenth of the steps, as in the authors' code.

    Returns
    -------
    transformers.Trainer
    """
    steps = int(np.ceil(len(data) / batch_size) * epochs)
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
        warmup_steps=steps // 10,
        **options,
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
def predict(model, tokenizer, data, batch_size=128):
    """Logits and labels of tokenised examples.

    Returns
    -------
    logits : numpy.ndarray
        Shape (examples, labels).
    labels : numpy.ndarray
        Shape (examples,).
    """
    model.eval()
    collate = DataCollatorWithPadding(tokenizer)
    keep = set(tokenizer.model_input_names) | {"labels"}
    order = np.argsort(
        [len(ids) for ids in data["input_ids"]], kind="stable"
    )  # like lengths together: little padding
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
def mlm_loss(model, tokenizer, text, batch_size=128, seed=0, mlm_probability=0.15):
    """Mean MLM loss per masked token, in nats, on text masked by a fixed seed.

    The same positions are masked for every model, so that losses can be compared.

    Returns
    -------
    float
    """
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
            logits = masked_logits(model, batch, masked)
            total += float(cross_entropy(logits, labels[masked], reduction="sum"))
            count += int(masked.sum())
    return total / count


@torch.no_grad()
def top_words(model, tokenizer, sentence, count=5):
    """The most probable words for the first [MASK] of a sentence.

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
            f"the sentence {sentence!r} holds no {tokenizer.mask_token}; write it where a word should be guessed"
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
