"""Exercises of notebook 07."""

import dataclasses

import numpy as np
import torch

from ... import profiles, pruning
from ...lab import runs
from . import Wrong, exercise


def _check_mask_difference(function):
    before = {
        "small": torch.tensor([[1, 1, 0], [0, 1, 0]]).bool(),
        "large": torch.tensor([1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0]).bool(),
    }
    after = {
        "small": torch.tensor([[1, 0, 1], [0, 0, 1]]).bool(),
        "large": torch.tensor([1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0]).bool(),
    }
    value = float(
        function(
            {name: mask.clone() for name, mask in before.items()},
            {name: mask.clone() for name, mask in after.items()},
        )
    )
    wanted = pruning.mask_difference(before, after)
    same = lambda other: abs(value - other) < 1e-6
    if same(wanted):
        return "The same as the reference, for matrices of different sizes."
    pairs = [(before[name], after[name]) for name in before]
    total = sum(mask.numel() for mask in before.values())
    pruned = sum(int((~mask).sum()) for mask in before.values())
    counts = [int((a != b).sum()) for a, b in pairs]
    case = f"20 entries, of which {sum(counts)} differ: you get {value:g}"
    if same(sum(counts)):
        raise Wrong(f"{case}. That is their number; divide by that of all entries.")
    if same(100 * wanted):
        raise Wrong(f"{case}. The number is right, but in percent; return a fraction.")
    if same(1 - wanted):
        raise Wrong(f"{case}, the share in which they agree.")
    if same(sum(int((a & ~b).sum()) for a, b in pairs) / total) or same(
        sum(int((b & ~a).sum()) for a, b in pairs) / total
    ):
        raise Wrong(
            f"{case}. You count one direction only. An entry that is pruned before and kept after differs as much as one that is kept before and pruned after."
        )
    if same(np.mean([float((a != b).float().mean()) for a, b in pairs])):
        raise Wrong(
            f"{case}. That is the mean of the matrices' own shares; a small matrix must not count as much as a large one. Add up the entries first."
        )
    if same(sum(counts) / pruned):
        raise Wrong(
            f"{case}. You divide by the {pruned} pruned entries; the paper's share is of all entries."
        )
    if same(abs(sum(int(a.sum()) - int(b.sum()) for a, b in pairs)) / total):
        raise Wrong(
            f"{case}. You compare how many are kept. Both masks may keep equally many, and not the same ones."
        )
    raise Wrong(
        f"{case}, it should be {wanted:g}: the entries in which the masks differ, over all entries of all matrices."
    )


@exercise(_check_mask_difference)
def mask_difference(a, b):
    """The fraction of entries in which two sets of masks differ, over all matrices together.

    `a` and `b` are dicts with the same names: name of the matrix → bool tensor, True = kept.
    """
    ### BEGIN SOLUTION
    differing = sum(int((a[name] != b[name]).sum()) for name in a)
    return differing / sum(mask.numel() for mask in a.values())
    ### END SOLUTION


def _check_rank_movement(function):
    before = np.array([[0.25, -0.95, 0.4, 0.1, -0.7], [0.5, 0.3, -1.3, -0.6, 0.8]])
    after = np.array([[0.25, -0.3, 0.4, 0.1, -0.7], [0.5, 0.95, 1.3, -0.6, 0.8]])
    answer = function(before.copy(), after.copy())
    places = lambda values: values.ravel().argsort().argsort().reshape(values.shape)
    signed = (places(np.abs(after)) - places(np.abs(before))) / before.size
    wanted = np.abs(signed)
    if np.shape(answer) != before.shape:
        raise Wrong(
            f"Return an array of the matrix's shape {before.shape}, with the movement of each weight; yours has the shape {np.shape(answer)}."
        )
    answer = np.asarray(answer, dtype=float)
    case = "Ten weights, of which -0.95 becomes -0.3 and 0.3 becomes 0.95"
    same = lambda other: np.allclose(answer, other)
    if same(signed) or same(-signed):
        raise Wrong(
            f"{case}: yours move by {answer[0, 1]:+g} and {answer[1, 1]:+g}. Whether up or down does not matter, and would cancel out in the mean."
        )
    if same(wanted * before.size):
        raise Wrong(
            f"{case}: yours move by {answer[0, 1]:g} and {answer[1, 1]:g} places. Divide by the number of weights, to compare matrices of different sizes."
        )
    if same(100 * wanted):
        raise Wrong(f"{case}: the movement is right, but in percent; return fractions.")
    if same(np.abs(places(after) - places(before)) / before.size):
        raise Wrong(
            f"{case}: you order the signed values, in which -1.3 is the smallest. The order is of magnitudes."
        )
    if same(
        np.abs(np.abs(after).ravel().argsort() - np.abs(before).ravel().argsort()).reshape(
            before.shape
        )
        / before.size
    ):
        raise Wrong(
            f"{case}: you compare the results of `argsort`. It lists which weight is first, second, third; the place of each weight is the `argsort` of that list."
        )
    if same(np.abs(np.abs(after) - np.abs(before))) or same(np.abs(after - before)):
        raise Wrong(f"{case}: you compare values, not places.")
    if not same(wanted):
        raise Wrong(
            f"{case}: by fractions of the order they move {wanted[0, 1]:g} and {wanted[1, 1]:g}, yours {answer[0, 1]:g} and {answer[1, 1]:g}."
        )
    generator = np.random.default_rng(0)
    before, after = generator.normal(size=(30, 20)), generator.normal(size=(30, 20))
    wanted, answer = (
        np.abs(places(np.abs(after)) - places(np.abs(before))) / before.size,
        function(before.copy(), after.copy()),
    )
    if not np.allclose(answer, wanted):
        raise Wrong(
            f"Right for ten weights, but for 30 × 20 random ones the mean movement is {np.mean(answer):.3f} instead of {wanted.mean():.3f}."
        )
    return f"Two orders that have nothing to do with each other: {100 * wanted.mean():.0f}% on average."


@exercise(_check_rank_movement)
def rank_movement(before, after):
    """How far each weight moves in the order of magnitudes, as a fraction of the number of weights.

    `before` and `after` are arrays of one shape, which is also that of the answer.
    """
    ### BEGIN SOLUTION
    places = lambda weights: np.abs(weights).ravel().argsort().argsort()
    return (np.abs(places(after) - places(before)) / before.size).reshape(before.shape)
    ### END SOLUTION


def _check_sawtooth(function):
    epoch = 10
    wanted = [1 - step / (epoch * (step // epoch + 1)) for step in range(3 * epoch)]
    values = [float(function(step, epoch)) for step in range(3 * epoch)]
    same = lambda share: np.allclose(
        values, [share(step, step // epoch + 1) for step in range(3 * epoch)]
    )
    if same(lambda step, k: 1 - step % epoch / epoch):
        raise Wrong(
            "Each of your epochs starts at the full rate. The second starts at 1/2 of it, the third at 1/3."
        )
    if same(lambda step, k: 1 / k):
        raise Wrong(
            "Your rate stays at 1/k in the whole epoch; it should start there and fall to 0."
        )
    if same(lambda step, k: 1 / (k + 1) * (1 - step % epoch / epoch)):
        raise Wrong(
            "Your first epoch starts at 1/2: epochs count from 1 here, but `step // epoch` counts from 0."
        )
    if same(lambda step, k: 1 - step / (3 * epoch)) or same(
        lambda step, k: max(0, 1 - step / epoch)
    ):
        raise Wrong(
            "Your rate falls once and for all. The restart plans it anew in each epoch k: from the first step of the training to the end of epoch k."
        )
    names = {
        0: "at the very start",
        epoch - 1: "in the last step of epoch 1",
        epoch: "at the start of epoch 2",
        epoch + epoch // 2: "half-way through epoch 2",
        2 * epoch: "at the start of epoch 3",
    }
    for step, name in names.items():
        if abs(values[step] - wanted[step]) > 1e-6:
            raise Wrong(
                f"{name.capitalize()} (step {step}, counting from 0, with {epoch} steps an epoch) you get {values[step]:.3f} of the peak, it should be {wanted[step]:.3f}."
            )
    if not np.allclose(values, wanted):
        raise Wrong(
            "Right at the start of each epoch, but not on the way: the rate falls in a straight line to 0."
        )
    return "Each epoch starts at 1/k of the peak, and falls to 0."


@exercise(_check_sawtooth)
def sawtooth(step, epoch):
    """The learning rate at a step, as a fraction of its peak, if the training is started again for each epoch.

    Steps count from 0; `epoch` is the number of steps in an epoch.
    """
    ### BEGIN SOLUTION
    k = step // epoch + 1
    return 1 - step / (k * epoch)
    ### END SOLUTION


def _check_same_epochs(function):
    cases = [
        runs.Run("prune_downstream", task, sparsity, seed, profile=profiles.get(name))
        for name, task, sparsity, seed in (("tiny", "mnli", 0.7, 0), ("paper", "cola", 0.8, 3))
    ]
    for run in cases:
        profile, answer = run.profile, function(run)
        pair = profile.fine_tuning.epochs_for("prune_downstream", run.sparsity)
        wanted = dataclasses.replace(
            run,
            condition="prune_pretrain",
            profile=profile.replace(fine_tuning={"epochs": sum(pair)}),
        )
        if answer == wanted:
            continue
        case = f"Profile {profile.name}, {run.task} at {100 * run.sparsity:.0f}%"
        if not isinstance(answer, runs.Run):
            raise Wrong(f"{case}: return a `Run`, you return {type(answer).__name__}.")
        if answer.condition != "prune_pretrain":
            raise Wrong(
                f'{case}: the condition of your run is "{answer.condition}". The one to be made comparable is "prune_pretrain".'
            )
        for name in ("task", "sparsity", "seed", "learning_rate"):
            if getattr(answer, name) != getattr(run, name):
                raise Wrong(
                    f"{case}: your run has the {name.replace('_', ' ')} {getattr(answer, name)} instead of {getattr(run, name)}. Nothing but the condition and the epochs may differ."
                )
        epochs, whole = (
            answer.profile.fine_tuning.epochs,
            f"{pair[0]} epochs before pruning and {pair[1]} after it",
        )
        if epochs == profile.fine_tuning.epochs:
            raise Wrong(f"{case}: your run has {epochs} epochs, as before. The other has {whole}.")
        if epochs in pair:
            raise Wrong(
                f"{case}: your run has {epochs} epochs. The other has {whole}, {sum(pair)} together."
            )
        if epochs == sum(profile.fine_tuning.before_after_epochs[0][1]) != sum(pair):
            raise Wrong(
                f"{case}: your run has {epochs} epochs. From some sparsity on the paper fine-tunes for longer: here {whole}; ask `epochs_for`."
            )
        if epochs != sum(pair):
            raise Wrong(
                f"{case}: your run has {epochs} epochs, it should have {sum(pair)}: {whole}."
            )
        raise Wrong(
            f"{case}: the epochs are right, but other values of the profile have changed. Use `run.profile.replace(fine_tuning=...)`."
        )
    return f"At the paper's scale {sum(pair)} epochs instead of {cases[-1].profile.fine_tuning.epochs}."


@exercise(_check_same_epochs)
def same_epochs(run):
    """A "prune_pretrain" run like a "prune_downstream" run, and fine-tuned for as many epochs as that in all."""
    ### BEGIN SOLUTION
    epochs = sum(run.profile.fine_tuning.epochs_for("prune_downstream", run.sparsity))
    return dataclasses.replace(
        run, condition="prune_pretrain", profile=run.profile.replace(fine_tuning={"epochs": epochs})
    )
    ### END SOLUTION
