"""GLUE's classification metrics as an `evaluate` script that needs no network: `evaluate.load(<this file>)`."""

import datasets
import evaluate
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef


class GlueMetric(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="Accuracy, F1 of the positive class (two labels only) and Matthews correlation.",
            citation="Wang et al. 2018, GLUE: A Multi-Task Benchmark and Analysis Platform",
            inputs_description="predictions and references: lists of class indices",
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions, references):
        two = max(max(predictions), max(references)) < 2
        return {
            "accuracy": float(accuracy_score(references, predictions)),
            "f1": float(f1_score(references, predictions)) if two else None,
            "matthews_correlation": float(matthews_corrcoef(references, predictions)),
        }
