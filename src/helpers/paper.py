"""The paper's tables as data frames: the numbers to stand beside ours."""

from functools import cache

import pandas as pd

from .profiles import ASSETS

TASKS = {"CoLA": "cola", "SST-2": "sst2", "QQP": "qqp", "MNLI": "mnli", "QNLI": "qnli"}
CITATION = "Gordon, Duh & Andrews 2020"


@cache
def _read(name):
    return pd.read_csv(ASSETS / "paper" / f"{name}.csv")


def table1() -> pd.DataFrame:
    """Table 1: pre-training losses, GLUE dev accuracies and training losses.

    Returns
    -------
    pandas.DataFrame
        Columns ``condition``, ``pruned_pct``, ``pretrain_loss`` (nats, MLM plus next sentence),
        ``task`` (and the paper's own average as "AVG"), ``dev_acc`` (%), ``train_loss`` (nats,
        whole training set).
    """
    return _read("table1").copy()


def table2() -> pd.DataFrame:
    """Table 2: how far fine-tuning moves weights in their ranking by magnitude, in % of the ranks.

    Returns
    -------
    pandas.DataFrame
        Columns ``learning_rate``, ``task``, ``moved_pct_mean``, ``moved_pct_std`` (over weights).
    """
    return _read("table2").copy()


def table3() -> pd.DataFrame:
    """Table 3: mean and standard deviation of each of BERT-Base's 74 prunable matrices.

    Returns
    -------
    pandas.DataFrame
        Columns ``layer`` (missing for word embeddings and pooler), ``matrix``, ``mean``, ``std``.
    """
    return _read("table3").copy()


def figure4_movement() -> pd.DataFrame:
    """Figure 4, right: movement in sort order after each epoch, learning rate 5e-5, in %."""
    return _read("figure4_movement").copy()


def table1_rows() -> pd.DataFrame:
    """Table 1 as tidy rows with the columns of our results (fractions), for the same plots.

    Returns
    -------
    pandas.DataFrame
        As `helpers.lab.experiment.measure` gives them, with profile "paper" and model "BERT-Base
        (paper)". The condition ``dense`` is the 0% row of ``prune_pretrain``. There is one run a
        cell, so no seeds. The condition ``majority`` is there for CoLA: 721 of the 1,043 sentences
        of its validation set are acceptable.
    """
    table = table1()
    table = table[table.task != "AVG"]
    rows = []
    for metric, column, scale in (
        ("accuracy", "dev_acc", 0.01),
        ("train_loss", "train_loss", 1.0),
        ("mlm_loss", "pretrain_loss", 1.0),
    ):
        rows.append(
            pd.DataFrame(
                {
                    "profile": "paper",
                    "model": "BERT-Base (paper)",
                    "condition": table.condition,
                    "sparsity": table.pruned_pct / 100,
                    "task": table.task.map(TASKS),
                    "seed": 0,
                    "learning_rate": float("nan"),
                    "metric": metric,
                    "value": table[column] * scale,
                }
            )
        )
    rows = pd.concat(rows, ignore_index=True).dropna(subset=["value"])
    dense = rows[(rows.condition == "prune_pretrain") & (rows.sparsity == 0)].assign(
        condition="dense"
    )
    majority = dense[(dense.task == "cola") & (dense.metric == "accuracy")].assign(
        condition="majority", value=721 / 1043
    )
    return pd.concat([rows, dense, majority], ignore_index=True)


def claims() -> pd.DataFrame:
    """The paper's claims by number: ``section``, ``claim``, the ``notebook`` that settles it.

    Where rows settle it, also the ``conditions`` whose runs it takes, with words between them, at
    the sparsities from ``least`` to ``most``.
    """
    return pd.read_csv(ASSETS / "paper" / "claims.csv", dtype={"section": str}).set_index("number")
