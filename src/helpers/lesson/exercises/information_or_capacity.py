"""Exercises of notebook 06."""

import numpy as np
import pandas as pd
from scipy import stats

from . import Wrong, described, exercise, is_row, number


def _check_diagnosis(function):
    cases = {
        (70.0, 0.55, 80.0, 0.50): (
            "information",
            "compare the training loss with the dense model's. 0.05 nats above it is a fit as good "
            "as dense can do",
        ),
        (79.0, 0.15, 80.0, 0.12): (
            "information",
            "exactly 1 point is lost, and that is not less than 1",
        ),
        (79.5, 0.40, 80.0, 0.10): (
            "nothing",
            "half a point is lost. Where nothing is lost, a high training loss needs no "
            "explanation, so ask for the accuracy first",
        ),
        (79.1, 0.30, 80.0, 0.10): (
            "nothing",
            "0.9 points are lost, less than 1. Points are a difference: do not divide by the dense "
            "accuracy",
        ),
        (60.0, 0.60, 80.0, 0.10): ("capacity", "it does not even fit what it was shown"),
        (70.0, 0.05, 80.0, 0.50): (
            "information",
            "a training loss below dense is a better fit still, so only a loss above it speaks of "
            "capacity",
        ),
        (75.0, 0.20, 80.0, 0.10): ("information", "0.1 nats above dense is still at most 0.1"),
        (75.0, 0.24, 80.0, 0.13): ("capacity", "0.11 nats above dense is more than 0.1"),
        (82.0, 0.30, 80.0, 0.10): ("nothing", "it is better than dense, so no accuracy is lost"),
        (78.5, 0.30, 80.0, 0.10): ("capacity", "1.5 points are lost, and that is more than 1"),
    }
    said = {case: function(*case) for case in cases}
    flipped = {"information": "capacity", "capacity": "information", "nothing": "nothing"}
    if all(said[case] == flipped[wanted] for case, (wanted, _) in cases.items()):
        raise Wrong(
            "The two causes are swapped. A model that fits its training data has the capacity. "
            "What it lacks is information."
        )
    for case, (wanted, hint) in cases.items():
        if not isinstance(said[case], str) or said[case] not in flipped:
            raise Wrong(
                f"You return {said[case]!r}. It should be one of "
                '"nothing", "information" and "capacity".'
            )
        if said[case] != wanted:
            accuracy, loss, dense_accuracy, dense_loss = case
            lost, above = dense_accuracy - accuracy, loss - dense_loss
            if said[case] == "nothing" and lost > 1:
                hint = f"{lost:g} points are lost against dense, more than 1"
            elif said[case] == "capacity" and wanted == "information" and 0 <= above < 0.09:
                hint = (
                    f"the training loss is only {above:.2f} nats above dense. Take the difference"
                )
            raise Wrong(
                f"Accuracy {accuracy:g}% (dense {dense_accuracy:g}%), training loss {loss:.2f} "
                f'(dense {dense_loss:.2f}): you say "{said[case]}", it should be "{wanted}": '
                f"{hint}."
            )
    return "Also where a limit is just met."


@exercise(_check_diagnosis)
def diagnosis(accuracy, train_loss, dense_accuracy, dense_loss):
    """What a pruned model lacks: "nothing", "information" or "capacity".

    Accuracies in %, losses in nats.
    """
    ### BEGIN SOLUTION
    if dense_accuracy - accuracy < 1:
        return "nothing"
    return "information" if train_loss - dense_loss <= 0.1 else "capacity"
    ### END SOLUTION


def _check_split_loss(function):
    for dense, deleted, pruned in ((80.0, 74.0, 71.0), (80.0, 82.0, 79.0), (80.0, 78.0, 78.5)):
        answer = function(dense, deleted, pruned)
        if not is_row(answer, 2):
            raise Wrong(
                f"Return two numbers, `deletion, restriction`. You return {described(answer)}."
            )
        answer = tuple(number(part) for part in answer)
        wanted = (dense - deleted, deleted - pruned)
        case = (
            f"Dense {dense:g}%, information-deleted {deleted:g}%, pruned {pruned:g}%: you get "
            f"{answer[0]:g} and {answer[1]:g}"
        )
        same = lambda *parts, answer=answer: np.allclose(answer, parts)
        relative = np.array(wanted) / dense
        if same(*wanted):
            continue
        if same(*wanted[::-1]):
            raise Wrong(
                f"{case}. The two parts are swapped. The loss that stays although every weight "
                "may move comes first."
            )
        if same(-wanted[0], -wanted[1]):
            raise Wrong(f"{case}. The signs are turned round: a loss counts positive.")
        if same(wanted[0], dense - pruned):
            raise Wrong(
                f"{case}. The second is all that pruning loses. Take away the part that deletion "
                "loses as well."
            )
        if same(*np.maximum(wanted, 0)) or same(*np.abs(wanted)):
            raise Wrong(
                f"{case}. A part may be negative, where a model is better than the one it is "
                "compared with. Leave it so, or the parts no longer add up."
            )
        if same(*relative) or same(*100 * relative):
            raise Wrong(f"{case}. You divide by the dense accuracy. Leave the parts in points.")
        raise Wrong(
            f"{case}. It should be {wanted[0]:g} and {wanted[1]:g}. Together they are what pruning "
            f"loses: {dense - pruned:g}."
        )
    return "The parts add up to what pruning loses, also where one of them is negative."


@exercise(_check_split_loss)
def split_loss(dense, info_deletion, prune_pretrain):
    """The accuracy that pruning loses, in two parts: what deletion loses, what restriction adds.

    In points.
    """
    ### BEGIN SOLUTION
    return dense - info_deletion, info_deletion - prune_pretrain
    ### END SOLUTION


def _check_transfer_correlation(function):
    # CoLA's row of Table 1b: the last accuracy is the constant prediction, 721 of 1,043, rounded
    mlm_loss = np.array([1.82, 1.82, 1.83, 1.86, 1.93, 2.03, 2.25, 2.62, 3.44, 5.83])
    accuracy = np.array([0.806, 0.808, 0.803, 0.8, 0.79, 0.779, 0.764, 0.744, 0.7, 0.691])
    mixed = np.array([0.9, 0.8, 0.5004, 0.7, 0.65, 0.45, 0.5009, 0.4991, 0.4996])
    cases = [(mlm_loss, accuracy, 721 / 1043), (np.arange(1.0, 10), mixed, 0.5)]
    for x, y, floor in cases:
        value = function(x, y, floor)
        if np.ndim(value):
            raise Wrong(
                f"Return one number. You return {described(value)}. `np.corrcoef` gives a matrix, "
                "whose corner holds the correlation of the two."
            )
        value, kept = number(value), abs(y - floor) >= 0.0005
        pearson = lambda rows, x=x, y=y: float(np.corrcoef(x[rows], y[rows])[0, 1])
        same = lambda other, value=value: abs(value - other) < 1e-6
        right = pearson(kept)
        if same(right):
            continue
        case = f"You get {value:.3f}"
        if same(pearson(np.ones(len(x), bool))):
            raise Wrong(
                f"{case}. The constant prediction is still among the points. Accuracies are "
                f"rounded: {y[~kept][0]:g} stands for the floor, {floor:.4f}. So leave out those "
                "within 0.0005 of the floor. == is not enough."
            )
        if same(-right):
            raise Wrong("The sign is turned round: the higher the loss, the lower the accuracy.")
        if same(right**2):
            raise Wrong(f"{case}. That is the square of the correlation, which has lost its sign.")
        if same(stats.spearmanr(x[kept], y[kept])[0]):
            raise Wrong(
                f"{case}. That is the correlation of the ranks (Spearman). It is perfect for any "
                "falling curve. The claim is of a straight line."
            )
        if same(stats.linregress(x[kept], y[kept])[0]):
            raise Wrong(
                f"{case}. That is the slope of the line. The correlation says how well the points "
                "keep to it."
            )
        if same(pearson(y > floor + 0.0005)):
            raise Wrong(
                "You also drop a point below the floor. That model is worse than a constant "
                "prediction, so it is not one: keep it."
            )
        if same(pearson(x < x.max())):
            raise Wrong(
                "You drop the point of the highest loss, whatever its accuracy. Drop those at the "
                "floor."
            )
        raise Wrong(
            f"{case}. It should be {right:.3f}: Pearson's correlation of the {kept.sum()} points "
            "that are not at the floor."
        )
    return f"On the paper's CoLA {number(function(*cases[0])):.3f}."


@exercise(_check_transfer_correlation)
def transfer_correlation(mlm_loss, accuracy, floor):
    """Pearson's correlation of MLM losses and accuracies, two arrays.

    Points within 0.0005 of the floor are left out. Accuracies and the floor, which is the accuracy
    of the constant prediction, are fractions.
    """
    ### BEGIN SOLUTION
    kept = np.abs(accuracy - floor) >= 0.0005
    return np.corrcoef(mlm_loss[kept], accuracy[kept])[0, 1]
    ### END SOLUTION


def _check_lost_by_extra(function):
    full = pd.DataFrame(
        {
            "QQP": [90.5, 90.4, 90.0, 89.8, 89.0, 88.2],
            "CoLA": [80.0, 79.0, 79.5, 77.0, 74.0, 69.1],
        },
        index=[0, 10, 20, 30, 40, 50],
    )
    gaps = full.loc[[0, 20, 30, 50]]
    for accuracy, extra in ((full, 30), (full, 10), (gaps, 30)):
        answer = function(accuracy, extra)
        grid = f"For sparsities of {', '.join(map(str, accuracy.index))}% and {extra}% more"
        starts = [s for s in accuracy.index if s + extra in accuracy.index]
        begin, end = accuracy.loc[starts], accuracy.loc[[s + extra for s in starts]]
        wanted = begin - end.to_numpy()
        if not isinstance(answer, pd.DataFrame):
            raise Wrong(
                "Return a data frame like the one you get, a column for each task. You return "
                f"{described(answer)}."
            )
        if list(answer.columns) != list(accuracy.columns):
            raise Wrong(
                f"The columns should be the tasks {', '.join(accuracy.columns)}. Yours are "
                f"{', '.join(map(str, answer.columns))}."
            )
        if answer.isna().any(axis=None):
            raise Wrong(
                f"{grid} there are empty places. Keep only the sparsities that have a partner "
                f"to compare with: {starts}. And pandas subtracts rows of the same name: "
                "take .to_numpy() of one of the two."
            )
        if list(answer.index) == [s + extra for s in starts]:
            raise Wrong(
                f"{grid} your rows are named {list(answer.index)}, where the step ends. Name them "
                f"by where it begins: {starts}."
            )
        if list(answer.index) != starts:
            raise Wrong(
                f"{grid} there should be the rows {starts}. You have {list(answer.index)}. Ask for "
                f"each sparsity whether it plus {extra} was measured. Counting rows goes wrong "
                "where one is missing."
            )
        same = lambda other, answer=answer: np.allclose(answer.to_numpy(float), other)
        if same(wanted):
            continue
        if same(-wanted):
            raise Wrong("The signs are turned round: points that are lost count positive.")
        if same(wanted / begin) or same(100 * wanted / begin):
            raise Wrong("You divide by the accuracy at the start. Return the points themselves.")
        if same(accuracy.iloc[0].to_numpy() - end.to_numpy()):
            raise Wrong(
                f"You compare each with the first row, {accuracy.index[0]}%. Compare it with the "
                f"one {extra}% below."
            )
        raise Wrong(
            f"{grid} the rows are right, but not the points: from {starts[-1]} to "
            f"{starts[-1] + extra}% they should be {wanted.iloc[-1].round(1).to_dict()}. Yours are "
            f"{answer.iloc[-1].round(1).to_dict()}."
        )
    return "Also where a sparsity was not measured."


@exercise(_check_lost_by_extra)
def lost_by_extra(accuracy, extra):
    """Points that each task loses from each sparsity s to s + extra, wherever both were measured.

    `accuracy` is a data frame in %: a column for each task, a row for each sparsity, whose index is
    the sparsity in whole %. Returns such a data frame, whose index is s.
    """
    ### BEGIN SOLUTION
    starts = [s for s in accuracy.index if s + extra in accuracy.index]
    ends = accuracy.loc[[s + extra for s in starts]]
    return accuracy.loc[starts] - ends.to_numpy()
    ### END SOLUTION
