"""GLUE's metrics as an `evaluate` script that needs no network.

It is loaded by ``evaluate.load(<this file>, "accuracy+f1")``.
"""

import datasets
import evaluate
import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef


def zero_if_constant(correlation):
    """A correlation that is 0 where it is undefined, as scikit-learn has it; scipy says NaN.

    A model that gives every example the same answer has learnt nothing, and NaN would drop it from
    every mean.
    """
    return lambda references, predictions: (
        0.0
        if np.ptp(references) == 0 or np.ptp(predictions) == 0
        else correlation(references, predictions)
    )


METRICS = {
    "accuracy": accuracy_score,
    "f1": lambda references, predictions: f1_score(references, predictions, zero_division=0.0),
    "f1_macro": lambda references, predictions: f1_score(
        references, predictions, average="macro", zero_division=0.0
    ),
    "matthews_correlation": zero_if_constant(matthews_corrcoef),
    "pearson": zero_if_constant(
        lambda references, predictions: pearsonr(references, predictions).statistic
    ),
    "spearmanr": zero_if_constant(
        lambda references, predictions: spearmanr(references, predictions).statistic
    ),
}
SCORES = {"pearson", "spearmanr"}  # of numbers, all others of labels


class GlueMetric(evaluate.Metric):
    def _info(self):
        names = self.config_name.split("+")
        if not set(names) <= set(METRICS):
            raise ValueError(
                f"unknown metric in {self.config_name!r}; choose from {', '.join(METRICS)}, "
                "several with + between them"
            )
        value = datasets.Value("float64" if set(names) & SCORES else "int64")
        return evaluate.MetricInfo(
            description="A GLUE task's metrics: accuracy, F1 of the positive class or the mean of "
            "all classes, Matthews, Pearson or Spearman correlation.",
            citation="Wang et al. 2018, GLUE: A Multi-Task Benchmark and Analysis Platform",
            inputs_description="predictions and references: lists of class indices, for Pearson "
            "and Spearman correlations of scores",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, predictions, references):
        return {
            name: float(METRICS[name](references, predictions))
            for name in self.config_name.split("+")
        }
