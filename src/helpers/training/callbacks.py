"""Pruning by magnitude while a `transformers.Trainer` trains; a look after each epoch."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import TrainerCallback

from ..pruning import (
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
