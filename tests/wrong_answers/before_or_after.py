"""Typical wrong answers in notebook 07, by what the check says of them."""

import dataclasses

import numpy as np

from helpers.lab import runs


def entries(masks):
    return sum(mask.numel() for mask in masks.values())


def places(values):
    return values.ravel().argsort().argsort().reshape(values.shape)


def with_epochs(run, epochs, **changes):
    return dataclasses.replace(
        run,
        condition="prune_pretrain",
        profile=run.profile.replace(fine_tuning={"epochs": epochs} | changes),
    )


def in_all(run):
    return sum(run.profile.fine_tuning.epochs_for("prune_downstream", run.sparsity))


WRONG = {
    "mask_difference": {
        "That is their number": lambda a, b: sum(int((a[n] != b[n]).sum()) for n in a),
        "percent": lambda a, b: 100 * sum(int((a[n] != b[n]).sum()) for n in a) / entries(a),
        "agree": lambda a, b: sum(int((a[n] == b[n]).sum()) for n in a) / entries(a),
        "one direction": lambda a, b: sum(int((a[n] & ~b[n]).sum()) for n in a) / entries(a),
        "A small matrix must not": lambda a, b: np.mean(
            [float((a[n] != b[n]).float().mean()) for n in a]
        ),
        "pruned entries": lambda a, b: (
            sum(int((a[n] != b[n]).sum()) for n in a) / sum(int((~a[n]).sum()) for n in a)
        ),
        "that are the same": lambda a, b: 0.3,
        "how many are kept": lambda a, b: (
            abs(sum(int(a[n].sum()) - int(b[n].sum()) for n in a)) / entries(a)
        ),
        "It should be": lambda a, b: int((a["small"] != b["small"]).sum()) / entries(a),
    },
    "rank_movement": {
        "of the matrix's shape": lambda a, b: (
            np.abs(places(abs(a)) - places(abs(b))).mean() / a.size
        ),
        "not whether up or down": lambda a, b: (places(abs(b)) - places(abs(a))) / a.size,
        "Divide by the number": lambda a, b: np.abs(places(abs(b)) - places(abs(a))),
        "less one, 9": lambda a, b: np.abs(places(abs(b)) - places(abs(a))) / (a.size - 1),
        "percent": lambda a, b: 100 * np.abs(places(abs(b)) - places(abs(a))) / a.size,
        "signed values": lambda a, b: np.abs(places(b) - places(a)) / a.size,
        "results of `argsort`": lambda a, b: (
            np.abs(abs(b).ravel().argsort() - abs(a).ravel().argsort()).reshape(a.shape) / a.size
        ),
        "not places": lambda a, b: np.abs(abs(b) - abs(a)),
        "by the fractions": lambda a, b: np.zeros(a.shape),
        "30 × 20": lambda a, b: np.abs(places(abs(b)) - places(abs(a))) / 10,
    },
    "sawtooth": {
        "full rate": lambda step, epoch: 1 - step % epoch / epoch,
        "stays at": lambda step, epoch: 1 / (step // epoch + 1),
        "counts from 0": lambda step, epoch: (1 - step % epoch / epoch) / (step // epoch + 2),
        "once and for all": lambda step, epoch: max(0, 1 - step / epoch),
        "At the start of epoch 3": lambda step, epoch: (
            (1 - step % epoch / epoch) / 2 ** (step // epoch)
        ),
        "In the last step of epoch 1": lambda step, epoch: (
            1 - step / (epoch - 1) if step < epoch else 0.5
        ),
        "Half-way": lambda step, epoch: (
            1 - step / epoch if step < epoch else 1 / (step // epoch + 1)
        ),
    },
    "same_epochs": {
        "a `runs.Run`": lambda run: in_all(run),
        "The fair partner has": lambda run: dataclasses.replace(
            run, profile=run.profile.replace(fine_tuning={"epochs": in_all(run)})
        ),
        "the seed 0 instead of 3": lambda run: runs.Run(
            "prune_pretrain", run.task, run.sparsity, profile=with_epochs(run, in_all(run)).profile
        ),
        "as before": lambda run: dataclasses.replace(run, condition="prune_pretrain"),
        "together": lambda run: with_epochs(
            run, run.profile.fine_tuning.epochs_for("prune_downstream", run.sparsity)[1]
        ),
        "ask `epochs_for`": lambda run: with_epochs(
            run, sum(run.profile.fine_tuning.before_after_epochs[0][1])
        ),
        "It should have 8": lambda run: with_epochs(run, 2 * run.profile.fine_tuning.epochs),
        "other values": lambda run: with_epochs(run, in_all(run), batch=64),
    },
}
