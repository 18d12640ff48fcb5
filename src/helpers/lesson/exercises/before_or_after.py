"""Exercises of notebook 07."""

import dataclasses

import numpy as np
import torch

from ... import profiles, pruning
from ...lab import runs
from . import Wrong, described, exercise, number


def _check_mask_difference(function):
    bools = lambda *entries: torch.tensor(entries).bool()
    before = {
        "small": bools([1, 1, 0], [0, 1, 0]),
        "large": bools(1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0),
    }
    after = {
        "small": bools([1, 0, 1], [0, 0, 1]),
        "large": bools(1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0),
    }
    value = number(function(before, after))
    wanted = pruning.mask_difference(before, after)
    same = lambda other: abs(value - other) < 1e-6
    if same(wanted):
        if not abs(number(function(before, before))) < 1e-6:
            raise Wrong("Two masks that are the same differ in no entry. You get more than 0.")
        return "The same as the reference, for matrices of different sizes."
    pairs = [(before[name], after[name]) for name in before]
    total = sum(mask.numel() for mask in before.values())
    pruned = sum(int((~mask).sum()) for mask in before.values())
    counts = [int((a != b).sum()) for a, b in pairs]
    lost = sum(int((a & ~b).sum()) for a, b in pairs) / total
    gained = sum(int((b & ~a).sum()) for a, b in pairs) / total
    case = f"20 entries, of which {sum(counts)} differ: you get {value:g}"
    if same(sum(counts)):
        raise Wrong(f"{case}. That is their number. Divide by the number of all entries.")
    if same(100 * wanted):
        raise Wrong(f"{case}. The number is right, but in percent. Return a fraction.")
    if same(1 - wanted):
        raise Wrong(f"{case}. That is the share in which they agree.")
    if same(lost) or same(gained):
        raise Wrong(
            f"{case}. You count one direction only. An entry may be pruned before and kept after, "
            "or kept before and pruned after. It differs in both cases."
        )
    if same(np.mean([float((a != b).float().mean()) for a, b in pairs])):
        raise Wrong(
            f"{case}. That is the mean of the matrices' own shares. A small matrix must not count "
            "as much as a large one. Add up the entries first."
        )
    if same(sum(counts) / pruned):
        raise Wrong(
            f"{case}. You divide by the {pruned} pruned entries. Divide by the number of all "
            "entries, as the paper does."
        )
    if same(abs(sum(int(a.sum()) - int(b.sum()) for a, b in pairs)) / total):
        raise Wrong(
            f"{case}. You compare how many are kept. Both masks may keep equally many, and not "
            "the same ones."
        )
    raise Wrong(
        f"{case}. It should be {wanted:g}: the entries in which the masks differ, over all entries "
        "of all matrices."
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


def _places(values):
    return values.ravel().argsort().argsort().reshape(values.shape)


def _check_rank_movement(function):
    before = np.array([[0.25, -0.95, 0.4, 0.1, -0.7], [0.5, 0.3, -1.3, -0.6, 0.8]])
    after = np.array([[0.25, -0.3, 0.4, 0.1, -0.7], [0.5, 0.95, 1.3, -0.6, 0.8]])
    answer, size = function(before, after), before.size
    signed = (_places(np.abs(after)) - _places(np.abs(before))) / size
    wanted = np.abs(signed)
    if np.shape(answer) != before.shape:
        raise Wrong(
            f"Return an array of the matrix's shape {before.shape}, with the movement of each "
            f"weight. Yours has the shape {np.shape(answer)}."
        )
    answer = np.asarray(answer, dtype=float)
    case = "Ten weights, of which -0.95 becomes -0.3 and 0.3 becomes 0.95"
    yours = f"{answer[0, 1]:g} and {answer[1, 1]:g}"
    same = lambda other: np.allclose(answer, other)
    if same(signed) or same(-signed):
        raise Wrong(
            f"{case}: yours move by {answer[0, 1]:+g} and {answer[1, 1]:+g}. Return how far "
            "they move, not whether up or down: take absolute values."
        )
    if same(wanted * size):
        raise Wrong(
            f"{case}: yours move by {yours} places. Divide by the number of weights, to compare "
            "matrices of different sizes."
        )
    if same(wanted * size / (size - 1)):
        raise Wrong(
            f"{case}: yours move by {yours}. You divide by the number of weights less one, "
            f"{size - 1}. Divide by the number of weights, {size}."
        )
    if same(100 * wanted):
        raise Wrong(f"{case}: the movement is right, but in percent. Return fractions.")
    if same(np.abs(_places(after) - _places(before)) / size):
        raise Wrong(
            f"{case}: you order the signed values, of which -1.3 is the smallest. Order the "
            "magnitudes."
        )
    orders = [np.abs(values).ravel().argsort().reshape(before.shape) for values in (after, before)]
    if same(np.abs(orders[0] - orders[1]) / size):
        raise Wrong(
            f"{case}: you compare the results of `argsort`. It lists which weight is first, "
            "second, third. The place of each weight is the `argsort` of that list."
        )
    if same(np.abs(np.abs(after) - np.abs(before))) or same(np.abs(after - before)):
        raise Wrong(f"{case}: you compare values, not places.")
    if not same(wanted):
        raise Wrong(
            f"{case}: they move by the fractions {wanted[0, 1]:g} and {wanted[1, 1]:g}. "
            f"Yours move by {yours}."
        )
    generator = np.random.default_rng(0)
    before, after = generator.normal(size=(30, 20)), generator.normal(size=(30, 20))
    wanted = np.abs(_places(np.abs(after)) - _places(np.abs(before))) / before.size
    answer = function(before, after)
    if np.shape(answer) != before.shape or not np.allclose(answer, wanted):
        raise Wrong(
            "Right for ten weights, but for 30 × 20 random ones the mean movement is "
            f"{np.mean(answer):.3f} instead of {wanted.mean():.3f}."
        )
    return f"Between two unrelated rankings weights move by {100 * wanted.mean():.0f}% on average."


@exercise(_check_rank_movement)
def rank_movement(before, after):
    """How far each weight moves in the ranking by magnitude, as a fraction of their number.

    `before` and `after` are arrays of one shape. The answer has this shape, too.
    """
    ### BEGIN SOLUTION
    places = lambda weights: np.abs(weights).ravel().argsort().argsort()
    return (np.abs(places(after) - places(before)) / before.size).reshape(before.shape)
    ### END SOLUTION


def _check_sawtooth(function):
    for epoch in (10, 7):
        _check_sawtooth_of(function, epoch)
    return "Each epoch starts at 1/k of the peak, and falls to 0."


def _check_sawtooth_of(function, epoch):
    wanted = [1 - step / (epoch * (step // epoch + 1)) for step in range(3 * epoch)]
    values = [number(function(step, epoch)) for step in range(3 * epoch)]
    same = lambda share: np.allclose(
        values, [share(step, step // epoch + 1) for step in range(3 * epoch)]
    )
    if same(lambda step, k: 1 - step % epoch / epoch):
        raise Wrong(
            "Each of your epochs starts at the full rate. The second starts at 1/2 of it, the "
            "third at 1/3."
        )
    if same(lambda step, k: 1 / k):
        raise Wrong(
            "Your rate stays at 1/k in the whole epoch. It should start there and fall to 0."
        )
    if same(lambda step, k: 1 / (k + 1) * (1 - step % epoch / epoch)):
        raise Wrong(
            "Your first epoch starts at 1/2. Epochs count from 1 here, but `step // epoch` counts "
            "from 0."
        )
    if same(lambda step, k: 1 - step / (3 * epoch)) or same(lambda s, k: max(0, 1 - s / epoch)):
        raise Wrong(
            "Your rate falls once and for all. The restart plans it anew in each epoch k: from the "
            "first step of the training to the end of epoch k."
        )
    names = {
        0: "at the very start",
        epoch - 1: "in the last step of epoch 1",
        epoch: "at the start of epoch 2",
        epoch + epoch // 2: "half-way through epoch 2",
        2 * epoch: "at the start of epoch 3",
    }
    for step, name in names.items():
        if not abs(values[step] - wanted[step]) < 1e-6:
            raise Wrong(
                f"{name.capitalize()} (step {step}, counting from 0, with {epoch} steps an epoch) "
                f"you get {values[step]:.3f} of the peak. It should be {wanted[step]:.3f}."
            )
    if not np.allclose(values, wanted):
        raise Wrong(
            "Right at the start of each epoch, but not on the way: the rate falls in a straight "
            "line to 0."
        )


@exercise(_check_sawtooth)
def sawtooth(step, epoch):
    """The learning rate at a step if the training is started again for each epoch.

    As a fraction of its peak. Steps count from 0; `epoch` is the number of steps in an epoch.
    """
    ### BEGIN SOLUTION
    k = step // epoch + 1
    return 1 - step / (k * epoch)
    ### END SOLUTION


def _check_same_epochs(function):
    cases = [
        runs.Run("prune_downstream", task, sparsity, seed, rate, profiles.get("paper"))
        for task, sparsity, seed, rate in (("mnli", 0.7, 0, None), ("cola", 0.8, 3, 2e-5))
    ]
    for run in cases:
        profile, answer = run.profile, function(run)
        pair = profile.fine_tuning.epochs_for("prune_downstream", run.sparsity)
        fair = profile.replace(fine_tuning={"epochs": sum(pair)})
        if answer == dataclasses.replace(run, condition="prune_pretrain", profile=fair):
            continue
        case = f"Profile {profile.name}, {run.task} at {100 * run.sparsity:.0f}%"
        if not isinstance(answer, runs.Run):
            raise Wrong(f"{case}: return a `runs.Run`. You return {described(answer)}.")
        if answer.condition != "prune_pretrain":
            raise Wrong(
                f'{case}: the condition of your run is "{answer.condition}". The fair '
                'partner has "prune_pretrain".'
            )
        for name in ("task", "sparsity", "seed", "learning_rate"):
            if getattr(answer, name) != getattr(run, name):
                raise Wrong(
                    f"{case}: your run has the {name.replace('_', ' ')} {getattr(answer, name)} "
                    f"instead of {getattr(run, name)}. Nothing but the condition and the epochs "
                    "may differ."
                )
        epochs = answer.profile.fine_tuning.epochs
        yours = f"{case}: your run has {epochs} epochs"
        whole = f"{pair[0]} epochs before pruning and {pair[1]} after it"
        if epochs == profile.fine_tuning.epochs:
            raise Wrong(f"{yours}, as before. The other has {whole}.")
        if epochs in pair:
            raise Wrong(f"{yours}. The other has {whole}, {sum(pair)} together.")
        if epochs == sum(profile.fine_tuning.before_after_epochs[0][1]) != sum(pair):
            raise Wrong(
                f"{yours}. At high sparsities the paper fine-tunes for longer. Here it is "
                f"{whole}: ask `epochs_for`."
            )
        if epochs != sum(pair):
            raise Wrong(f"{yours}. It should have {sum(pair)}: {whole}.")
        raise Wrong(
            f"{case}: the epochs are right, but other values of the profile have changed. Use "
            "`run.profile.replace(fine_tuning=...)`."
        )
    epochs = cases[-1].profile.fine_tuning.epochs
    return f"At the paper's scale that makes {sum(pair)} epochs instead of {epochs}."


@exercise(_check_same_epochs)
def same_epochs(run):
    """A "prune_pretrain" run like a "prune_downstream" run, with as many epochs in all."""
    ### BEGIN SOLUTION
    epochs = sum(run.profile.fine_tuning.epochs_for("prune_downstream", run.sparsity))
    profile = run.profile.replace(fine_tuning={"epochs": epochs})
    return dataclasses.replace(run, condition="prune_pretrain", profile=profile)
    ### END SOLUTION
