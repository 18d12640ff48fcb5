"""Regimes, intervals, mask overlap and sort-order movement, from tidy rows, masks and weights."""

import numpy as np
import pandas as pd
from scipy import stats

from .pruning import encoder_of, prunable_parameters


def expected_difference(sparsity):
    """Fraction of entries in which two independent masks of a sparsity differ: 2s(1-s)."""
    return 2 * sparsity * (1 - sparsity)


def task_mean(rows, metric="accuracy"):
    """The mean over the tasks of a metric, for each condition, sparsity and seed.

    Of several learning rates the best counts, chosen on the validation set as in the paper (Sec. 3.2). Only seeds and sparsities for which every task was measured are kept, so that all means are over the
    same tasks.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows.
    metric : str

    Returns
    -------
    pandas.DataFrame
        Columns ``model``, ``condition``, ``sparsity``, ``seed``, ``value``.
    """
    keys = ["model", "condition", "sparsity", "seed"]
    runs = rows[rows.metric == metric].groupby([*keys, "task"], as_index=False)["value"]
    best = runs.min() if metric.endswith("loss") else runs.max()
    needed = best.groupby("model").task.nunique()
    means = best.groupby(keys, as_index=False).agg(value=("value", "mean"), tasks=("task", "size"))
    return means[means.tasks == means.model.map(needed)].drop(columns="tasks").reset_index(drop=True)


def interval(values, confidence=0.95):
    """Mean and t-interval of independent values.

    Returns
    -------
    tuple of float
        Mean, lower and upper end; with one value the ends are NaN.
    """
    values = np.asarray(values, dtype=float)
    mean = values.mean()
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = stats.sem(values) * stats.t.ppf(0.5 + confidence / 2, len(values) - 1)
    return mean, mean - half, mean + half


def intervals(values, by=("model", "condition", "sparsity")):
    """Mean and 95% interval over seeds of a column ``value``, for each group.

    Returns
    -------
    pandas.DataFrame
        Columns of `by`, ``mean``, ``low``, ``high``, ``seeds``.
    """
    rows = [(*key, *interval(group), len(group)) for key, group in values.groupby(list(by))["value"]]
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "seeds"])


def difference(values, condition, reference, reference_sparsity=None):
    """A condition minus a reference, seed by seed, at each sparsity.

    Parameters
    ----------
    values : pandas.DataFrame
        From `task_mean`, of one model.
    condition, reference : str
    reference_sparsity : float, optional
        Default: the same sparsity as the condition's.

    Returns
    -------
    pandas.DataFrame
        Columns ``sparsity``, ``mean``, ``low``, ``high``, ``seeds``.
    """
    left = values[values.condition == condition]
    right = values[values.condition == reference]
    if reference_sparsity is not None:
        right = right[right.sparsity == reference_sparsity].drop(columns="sparsity")
    on = ["seed"] if reference_sparsity is not None else ["seed", "sparsity"]
    both = left.merge(right, on=on, suffixes=("", "_reference"))
    return intervals(both.assign(value=both.value - both.value_reference), by=("sparsity",))


def regimes(rows, free=0.01, loss=0.03):
    """Where the three regimes lie, by a stated rule.

    *Free*: the highest sparsity up to which the mean accuracy of ``prune_pretrain`` stays within `free` of
    ``dense``, at every sparsity. *Deletion*: the sparsities above it where both ``prune_pretrain`` and
    ``info_deletion`` have lost at least `loss` and differ by less than what ``info_deletion`` has lost: most of
    the loss is there without any restriction. *Restriction*: the sparsities where ``info_deletion`` is better
    than ``prune_pretrain`` by at least `loss`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Tidy rows of one model.
    free, loss : float
        Fractions of accuracy.

    Returns
    -------
    dict
        ``free_up_to`` (float), ``deletion`` and ``restriction`` (lists of sparsities), ``table`` (data frame
        with the losses at each sparsity).
    """
    means = task_mean(rows).groupby(["condition", "sparsity"])["value"].mean()
    dense = means["dense"].iloc[0]
    table = pd.DataFrame({
        "pruned_loss": dense - means["prune_pretrain"], "deletion_loss": dense - means["info_deletion"],
    }).dropna()
    table["regained"] = table.pruned_loss - table.deletion_loss
    table = table.round(9)  # one point exactly is within one point
    held = (table.pruned_loss <= free).cumprod().astype(bool)
    deletion = (table.pruned_loss >= loss) & (table.deletion_loss >= loss) & (table.regained.abs() < table.deletion_loss)
    restriction = table.regained >= loss
    return {
        "free_up_to": float(table.index[held].max()) if held.any() else 0.0,
        "deletion": table.index[deletion].tolist(), "restriction": table.index[restriction].tolist(), "table": table,
    }


def sort_order_movement(before, after):
    """How far each weight moved in its matrix's order of magnitudes, as a fraction of the positions.

    A weight at position 59 of 100 before and 63 of 100 after moved 0.04 (Sec. 5, Table 2).

    Parameters
    ----------
    before, after : torch.nn.Module

    Returns
    -------
    pandas.DataFrame
        A row a matrix: ``matrix``, ``mean``, ``std`` over its weights, ``entries``.
    """
    first, second = prunable_parameters(before), prunable_parameters(after)
    rows = []
    for name in first.keys() & second.keys():
        ranks = [stats.rankdata(w.detach().abs().cpu().numpy().ravel(), method="ordinal") for w in (first[name], second[name])]
        moved = np.abs(ranks[0] - ranks[1]) / len(ranks[0])
        rows.append((name, moved.mean(), moved.std(), len(moved)))
    order = {name: i for i, name in enumerate(first)}
    table = pd.DataFrame(sorted(rows, key=lambda row: order[row[0]]), columns=["matrix", "mean", "std", "entries"])
    return table


def mask_difference_by_matrix(a, b):
    """`helpers.pruning.mask_difference` matrix by matrix, beside what independent masks would give.

    Returns
    -------
    pandas.DataFrame
        Columns ``matrix``, ``difference``, ``independent``, ``sparsity``.
    """
    rows = []
    for name, mask in a.items():
        sparsity = float((~mask).float().mean())
        rows.append((name, float((mask != b[name]).float().mean()), expected_difference(sparsity), sparsity))
    return pd.DataFrame(rows, columns=["matrix", "difference", "independent", "sparsity"])


def head_sparsity(model, masks):
    """The fraction of each attention head's weights that masks prune (Fig. 4, left).

    Over the head's rows of query, key and value and its columns of the attention output.

    Returns
    -------
    pandas.DataFrame
        Columns ``layer``, ``head``, ``sparsity``.
    """
    heads = encoder_of(model).config.num_attention_heads
    pruned, total = {}, {}
    for name, mask in masks.items():
        parts = name.split(".")
        if "attention" not in parts:
            continue
        layer = next(int(part) for part in parts if part.isdigit())
        blocks = mask.chunk(heads, dim=1 if "output" in parts else 0)
        for head, block in enumerate(blocks):
            pruned[layer, head] = pruned.get((layer, head), 0) + int((~block).sum())
            total[layer, head] = total.get((layer, head), 0) + block.numel()
    return pd.DataFrame([(*key, pruned[key] / total[key]) for key in sorted(total)], columns=["layer", "head", "sparsity"])


def linear_fit(x, y):
    """Slope, intercept and Pearson correlation of a least-squares line (Fig. 2, left)."""
    fit = stats.linregress(x, y)
    return fit.slope, fit.intercept, fit.rvalue


def loss_and_accuracy(rows, condition="info_deletion"):
    """Mean MLM loss and accuracy at each sparsity, for each task (Fig. 2, left).

    Points at which a task's model gives the majority label are left out, as in the paper: they are a floor.

    Returns
    -------
    pandas.DataFrame
        Columns ``task``, ``sparsity``, ``mlm_loss``, ``accuracy``.
    """
    chosen = rows[(rows.condition == condition) & rows.metric.isin(["mlm_loss", "accuracy"])]
    means = chosen.pivot_table(index=["task", "sparsity"], columns="metric", values="value").reset_index()
    floor = rows[(rows.condition == "majority") & (rows.metric == "accuracy")].groupby("task").value.mean()
    return means[~((means.accuracy - means.task.map(floor)).abs() < 5e-4)]


def loss_correlations(rows, condition="info_deletion"):
    """Pearson correlation of MLM loss and accuracy over the sparsities, for each task."""
    return {task: linear_fit(points.mlm_loss, points.accuracy)[2] for task, points in loss_and_accuracy(rows, condition).groupby("task")}


def verdict(holds):
    """"supported", "not supported", or "cannot say" for None."""
    return "cannot say" if holds is None else "supported" if holds else "not supported"


def verdicts(rows):
    """What the tidy rows of one model say of the paper's claims 1 to 6 and 11, by these rules.

    1: `regimes` finds the accuracy free up to 30% at least; the rise of the MLM loss is told beside it. 2: from 40
    to 60% sparsity pruning and information deletion differ by less than 1 point; "cannot say" where they differ by
    more, but no 95% interval of the seeds excludes 0. 3: `regimes` finds a sparsity at which restriction bites.
    4: where it does, information deletion has the lower training loss at each sparsity and still lacks 3 points of
    dense. 5: MLM loss and accuracy correlate below -0.95 on every task. 6: from 50% to 80% sparsity the most affected
    task loses at least five times as much as the least affected. 11: pruning after fine-tuning is nowhere better by
    more than 1 point from 30% sparsity on.

    Returns
    -------
    pandas.DataFrame
        Indexed by the number of the claim, with ``evidence`` in words and ``verdict``.
    """
    found = regimes(rows)
    table, free = found["table"], found["free_up_to"]
    points = lambda x: f"{100 * x:.1f}"
    percent = lambda x: f"{100 * x:.0f}%"
    high = found["restriction"]
    mlm = task_mean(rows, "mlm_loss").groupby(["condition", "sparsity"])["value"].mean()
    rise = mlm["prune_pretrain", 0.3] - mlm["dense", 0.0] if ("prune_pretrain", 0.3) in mlm else float("nan")
    result = {1: (f"accuracy within 1 point of dense up to {percent(free)}; MLM loss {rise:+.3f} nats at 30%", free >= 0.3)}
    middle = table[(table.index >= 0.4) & (table.index <= 0.6)]
    gain = difference(task_mean(rows), "info_deletion", "prune_pretrain").set_index("sparsity")
    certain = (gain.low.reindex(middle.index) > 0).any()
    result[2] = ("; ".join(f"at {percent(s)}: {points(row.pruned_loss)} points lost by pruning, {points(row.deletion_loss)} by deletion" for s, row in middle.iterrows()),
                 True if (middle.regained.abs() < 0.01).all() else False if certain else None) if len(middle) else ("40 to 60% was not run", None)
    result[3] = (f"at {percent(max(high))}: {points(table.regained[max(high)])} points won back", True) if high else ("no such sparsity", False)
    loss = task_mean(rows, "train_loss").groupby(["condition", "sparsity"])["value"].mean()
    if high:
        fits = all(loss["info_deletion", s] < loss["prune_pretrain", s] for s in high)
        result[4] = (f"training loss at {percent(max(high))}: {loss['info_deletion', max(high)]:.3f} against {loss['prune_pretrain', max(high)]:.3f} pruned; "
                     f"{points(table.deletion_loss[max(high)])} points still lost", fits and table.deletion_loss[max(high)] >= 0.03)
    else:
        result[4] = ("no restriction found", None)
    weakest = max(loss_correlations(rows).items(), key=lambda item: item[1])
    result[5] = (f"correlations of {weakest[1]:.2f} (weakest, {weakest[0]}) or stronger", weakest[1] < -0.95)
    accuracy = rows[(rows.metric == "accuracy") & (rows.condition == "prune_pretrain")].groupby(["sparsity", "task"])["value"].mean().unstack()
    if {0.5, 0.8} <= set(accuracy.index):
        lost = accuracy.loc[0.5] - accuracy.loc[0.8]
        result[6] = (f"50 to 80%: {points(lost.min())} points ({lost.idxmin()}) to {points(lost.max())} ({lost.idxmax()})", lost.max() >= 5 * max(lost.min(), 0.002))
    else:
        result[6] = ("50% or 80% was not run", None)
    better = difference(task_mean(rows), "prune_downstream", "prune_pretrain")
    better = better[better.sparsity >= 0.3]
    best = better.loc[better["mean"].idxmax()] if len(better) else None
    result[11] = (f"at best {points(best['mean'])} points better, at {percent(best.sparsity)}", best["mean"] <= 0.01) if best is not None else ("not run", None)
    return pd.DataFrame([(n, text, verdict(holds)) for n, (text, holds) in result.items()], columns=["number", "evidence", "verdict"]).set_index("number")
