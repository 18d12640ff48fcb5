"""Exercises of notebook 05."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from ...analysis import interval
from . import NO_RETURN, Wrong, described, exercise, is_row, number


def _check_constant_accuracy(function):
    train, labels = [2, 2, 2, 0, 0, 1, 3], [0, 0, 0, 0, 2, 2, 1, 3, 0, 0]
    wrong = {
        "You take the most frequent label of the validation set. That is looking at the answers: "
        "the constant is chosen on the training set.": 0.6,
        "That is the label's share of the training set, on which it was chosen. Accuracy is "
        "measured on the validation set.": 3 / 7,
        "That is 1 / number of labels, as tossing a coin gives it. The most frequent label does "
        "better where labels are not equally frequent.": 0.25,
        "That is the share of label 1, or of another that is rare in training. Which label is the "
        "most frequent there? It is not the largest one, and it is not how often the label "
        "occurs.": 0.1,
        "No label is equal to yours. A list is never equal to a number: make it an array first, "
        "np.array(labels).": 0,
        "That is a number of sentences. Divide it by how many there are.": 2,
        "Right, but in percent. Return a fraction.": 20,
    }
    value = number(function(train, labels))
    if not math.isclose(value, 0.2, abs_tol=1e-6):
        for message, candidate in wrong.items():
            if math.isclose(value, candidate, abs_tol=1e-6):
                raise Wrong(message)
        raise Wrong(
            f"Trained on {train}, always answering 2, 2 of the 10 labels {labels} are right, which "
            f"is 0.2. You get {value:.4f}."
        )
    train, labels = [1, 0, 1, 0, 0, 2], [2, 0, 0]
    value = number(function(train, labels))
    if not math.isclose(value, 2 / 3, abs_tol=1e-6):
        raise Wrong(
            f"Trained on {train}, always answering 0, 2 of the 3 labels {labels} are right, which "
            f"is 0.6667. You get {value:.4f}."
        )
    return "Chosen in training, measured in validation."


@exercise(_check_constant_accuracy)
def constant_accuracy(train_labels, labels):
    """The accuracy on `labels` of always giving the most frequent of `train_labels`.

    A fraction. Both are lists of whole numbers.
    """
    ### BEGIN SOLUTION
    most_frequent = np.bincount(train_labels).argmax()
    return np.mean(np.array(labels) == most_frequent)
    ### END SOLUTION


def _check_t_interval(function):
    for values in ([70.0, 73.0, 71.0], [0.81, 0.84, 0.79, 0.83, 0.82]):
        answer = function(values)
        if not is_row(answer, 3):
            raise Wrong(
                f"Return three numbers: mean, lower end, upper end. You return {described(answer)}."
            )
        mean, low, high = (number(part) for part in answer)
        right = interval(values)
        if np.allclose((mean, low, high), right, rtol=0, atol=1e-5):
            continue
        n, error = len(values), np.std(values, ddof=1) / math.sqrt(len(values))  # of the mean
        case = f"For {values} you get {low:.3f} to {high:.3f}"
        if not math.isclose(mean, right[0], abs_tol=1e-5):
            raise Wrong(
                f"For {values} the mean is {right[0]:.3f}, you give {mean:.3f} first. Return the "
                "mean, the lower and the upper end, in this order."
            )
        if math.isnan(low):
            raise Wrong(f"{case}. Quantiles are asked for by fractions: 0.975 and not 97.5.")
        if low > high:
            raise Wrong(f"{case}: the lower end comes before the upper one.")
        for message, half in _wrong_halves(n, error).items():
            if np.allclose((mean - low, high - mean), half, rtol=2e-3, atol=0):
                raise Wrong(f"{case}. {message}")
        raise Wrong(f"{case}. It should be {right[1]:.3f} to {right[2]:.3f}.")
    return "The same as helpers.analysis.interval."


def _wrong_halves(n, error):
    """What is said of half the width of an interval that is wrong in a known way."""
    t = lambda share, freedom=n - 1: stats.t.ppf(share, freedom)
    by_n = math.sqrt((n - 1) / n)
    return {
        "1.96 is for a known deviation, or hundreds of seeds. With "
        f"{n} values it is Student's t with {n - 1} degrees of freedom: {t(0.975):.2f}.": 1.96
        * error,
        f"That is how far single runs scatter. The mean of {n} runs is surer: divide by the square "
        f"root of {n}.": t(0.975) * error * math.sqrt(n),
        f"You divide the squares by n. For an estimate from {n} values divide by {n - 1}: "
        "np.std(values, ddof=1).": t(0.975) * error * by_n,
        f"The degrees of freedom are {n - 1}, one less than the number of values, because the mean "
        "is estimated from them too.": t(0.975, n) * error,
        "That leaves 5% out on each side. For 95% in all, leave 2.5% out on each side: "
        "t.ppf(0.975, ...).": t(0.95) * error,
        "Mean ± standard error holds the truth in only about two of three cases. Multiply by "
        "Student's t.": error,
        "Mean ± standard deviation describes the runs and not the mean of the runs. Divide by the "
        f"square root of {n} and multiply by Student's t.": error * math.sqrt(n),
        "Two shortcuts at once: 1.96 is for a known deviation, and np.std divides by n unless you "
        "say ddof=1.": 1.96 * error * by_n,
    }


@exercise(_check_t_interval)
def t_interval(values):
    """Mean, lower and upper end of the 95% t-interval of a few independent values."""
    ### BEGIN SOLUTION
    n, mean = len(values), np.mean(values)
    half = stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half
    ### END SOLUTION


def _check_mean_over_tasks(function):
    accuracy = pd.DataFrame(
        {"sst2": [0.9, 0.92, 0.88], "cola": [0.8, 0.79, 0.81], "mnli": [0.5, np.nan, 0.53]},
        index=pd.Index([0, 1, 2], name="seed"),
    )
    value = function(accuracy)
    if isinstance(value, pd.DataFrame):
        raise Wrong("You return a table. Return one number for each seed, its mean over tasks.")
    if np.ndim(value) == 0 and not isinstance(value, (dict, str)):
        number(value)
        raise Wrong(
            "You return one number. Return one for each seed: how much they differ is what the "
            "interval is made of."
        )
    if not isinstance(value, pd.Series):
        raise Wrong(
            "Return a series with a mean for each seed, as pandas gives it, so that it says which "
            f"seed is which. You return {described(value)}."
        )
    value = value.astype(float)
    if list(value.index) == list(accuracy.columns):
        raise Wrong(
            "You took the mean over seeds, for each task. Take it over tasks, for each seed."
        )
    if len(value) == 3 and np.allclose(value, accuracy.dropna(axis=1).mean(axis=1)):
        raise Wrong(
            "You drop the task that seed 1 lacks, for all seeds. Take the mean over all tasks, and "
            "leave out the seed instead."
        )
    if 1 in value.index and value[1] > 0.8:
        raise Wrong(
            f"Seed 1 has {value[1]:.3f}, more than the others, only because its hardest task is "
            "missing. Leave seeds out that lack a task."
        )
    if 1 in value.index and value[1] < 0.6:
        raise Wrong(
            f"Seed 1 has {value[1]:.3f}, because its missing run counts as 0. Not measured is not "
            "wrong: leave that seed out."
        )
    if value.isna().any():
        raise Wrong(
            "Seed 1 is still there, with NaN in place of a mean. Leave the seed out: the series "
            "has only the seeds 0 and 2."
        )
    if len(value) == 3:
        raise Wrong(
            f"You give {value.round(3).tolist()} for three seeds. Seed 1 has only two of the three "
            "tasks: do not guess the third, leave the seed out."
        )
    right = accuracy.dropna().mean(axis=1)
    if list(value.index) != [0, 2]:
        raise Wrong(f"The complete seeds are 0 and 2. You return {list(value.index)}.")
    if not np.allclose(value, right):
        raise Wrong(
            f"The seeds are right, but their means are {right.round(4).tolist()} and not "
            f"{value.round(4).tolist()}."
        )
    full = pd.DataFrame({"qqp": [0.9, 0.8, 0.75, 0.6], "qnli": [0.5, 0.7, 0.85, 0.2]}, [3, 1, 4, 5])
    value, right = function(full), full.mean(axis=1)
    if not isinstance(value, pd.Series) or sorted(value.index) != sorted(right.index):
        raise Wrong("Where no run is missing, all seeds stay.")
    if not np.allclose(value[right.index], right):
        raise Wrong(
            f"With two tasks and no run missing the means are {right.tolist()}. You get "
            f"{value.round(4).tolist()}."
        )
    return "All means are over the same tasks."


@exercise(_check_mean_over_tasks)
def mean_over_tasks(accuracy):
    """For each seed (row) the mean over the tasks (columns).

    Seeds for which a task is missing (NaN) are left out.
    """
    ### BEGIN SOLUTION
    return accuracy.dropna().mean(axis=1)
    ### END SOLUTION


def _check_free_up_to(function):
    table = lambda rows: pd.DataFrame.from_dict(
        rows, orient="index", columns=["loss", "low", "high"]
    )
    first = table(
        {
            0.1: (0.2, -0.7, 1.1),
            0.2: (1.0, 0.0, 2.1),
            0.3: (1.3, -0.2, 2.8),
            0.4: (0.4, -0.3, 1.1),
            0.5: (1.2, -0.1, 2.5),
            0.6: (5.0, 4.0, 6.0),
        }
    )
    value = function(first, 1.0)
    if value is None:
        raise Wrong(NO_RETURN)
    value = _sparsity(value)
    if value != 0.2:
        said = {
            0.4: 'At 40% the rule holds again, but at 30% it does not. "Up to" means at all lower '
            "sparsities as well.",
            0.5: "You stop only where a loss is certain, but at 30% the mean loss is 1.3 already, "
            "more than 1 point. Both must hold.",
            0.3: "You say 30%. That is the first at which the rule fails. The last before it is "
            "asked for.",
            0.1: "You say 10%, but at 20% the rule holds as well. The loss is 1.0, exactly the "
            "margin, and within 1 point means at most 1 point. The interval begins at exactly 0, "
            "and a loss is certain only above 0.",
            0.0: "You say 0%, but 10% meets both conditions. Its mean loss is 0.2, less than the "
            "margin of 1. Its interval begins at -0.7, below 0, so the loss is not certain. To ask "
            "for its upper end would be a stricter rule.",
        }
        raise Wrong(
            said.get(value)
            or f"With losses {first.loss.tolist()} at {first.index.tolist()} and a margin of 1 you "
            f"get {value:g}. It should be 0.2."
        )
    value = _sparsity(
        function(table({0.1: (0.2, -0.5, 0.9), 0.2: (0.6, 0.1, 1.1), 0.3: (0.7, -0.2, 1.6)}), 1.0)
    )
    if value != 0.1:
        raise Wrong(
            "At 20% the mean loss is only 0.6, but its interval begins above 0, so it is certain. "
            f"You get {value:g}. It should be 0.1. (If you select with 0 and 1, pandas takes them "
            "for places. Only True and False select: .astype(bool).)"
        )
    value = function(table({0.1: (3.0, 2.0, 4.0), 0.2: (4.0, 3.0, 5.0)}), 1.0)
    if value is None or value != 0:
        raise Wrong(
            f"Where even the lowest sparsity costs too much you get {value!r}. Nothing is free: "
            "return 0.0."
        )
    value = _sparsity(function(first.loc[[0.1, 0.2]], 1.0))
    if value != 0.2:
        raise Wrong(
            "Where the rule holds at every sparsity, all are free, up to the highest. That is 0.2 "
            f"for the first two rows of the table above. You get {value:g}."
        )
    value = _sparsity(function(table({0.1: (-2.0, -3.0, -1.0), 0.2: (0.2, -0.5, 0.9)}), 1.0))
    if value != 0.2:
        raise Wrong(
            "At 10% the mean loss is -2: the pruned model is better than dense, and a loss below 0 "
            f"is less than the margin. You get {value:g}. It should be 0.2."
        )
    for margin, wanted in ((0.5, 0.1), (2.0, 0.5)):
        value = _sparsity(function(first, margin))
        if value != wanted:
            raise Wrong(
                f"Right for a margin of 1, but for one of {margin:g} you get {value:g} with the "
                f"same table. It should be {wanted}."
            )
    return "No loss is certain and the mean stays within the margin, all the way up."


def _sparsity(value):
    return math.nan if value is None else number(value)


@exercise(_check_free_up_to, none=True)
def free_up_to(table, margin):
    """The highest sparsity up to which pruning is free, or 0.0 if none is.

    Free means at each sparsity up to there: no loss is certain, and the mean loss is at most
    `margin`. The table has the sparsities as its index, in order, and columns loss, low and high:
    mean and 95% interval.
    """
    ### BEGIN SOLUTION
    free = (table.low <= 0) & (table.loss <= margin)
    return max(table.index[free.cumprod().astype(bool)], default=0.0)
    ### END SOLUTION
