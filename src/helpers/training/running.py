"""What MLM training and fine-tuning share: arguments, threads, interruption, resuming."""

import contextlib
import dataclasses
import difflib
import inspect
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_model
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, TrainerState

from ..machine import launched_processes, use_threads
from ..pruning import prunable_parameters
from .callbacks import STATE_FILE, MagnitudePruning
from .models import quiet

# Fields of TrainingArguments that follow from the arguments of `train_mlm` and `fine_tune`
TAKEN = (
    "max_steps",
    "num_train_epochs",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
)


def check_options(options: Mapping, *functions: Callable) -> None:
    """Raise an error if training options are no fields of `TrainingArguments`, or taken already.

    Parameters
    ----------
    options : dict
        More fields of `transformers.TrainingArguments`, such as a profile part's ``options``.
    *functions : callable
        `train_mlm`, `fine_tune` or both, whose own arguments these must not be.

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


def shared_arguments(batch_size: int, rows: int, *common, **options) -> TrainingArguments:
    """Arguments for batches of `batch_size` in all, however many processes or GPUs there are.

    The first process collates each batch, so that its words are masked as in a training by one
    process.

    Parameters
    ----------
    batch_size, rows : int
        Examples a step and in all; 0 rows for a stream, whose batches are all whole.
    *common
        Output folder, seed, progress, steps between checkpoints.
    **options
        Any other field of `transformers.TrainingArguments`.

    Raises
    ------
    ValueError
        If the processes cannot divide a batch among them.
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


class Interrupted(KeyboardInterrupt):
    """Work was interrupted: in a notebook one sentence, since a traceback tells nothing more."""

    def _render_traceback_(self):
        return [str(self)]


def run(trainer: Trainer, output_dir: str | Path) -> Trainer:
    """Train, or go on from the last checkpoint in the folder; give the trainer back."""
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
    last = last_checkpoint(output_dir, needed)
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


def last_checkpoint(output_dir: str | Path, needed: Iterable[str]) -> str | None:
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
