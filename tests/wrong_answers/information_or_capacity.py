"""Typical wrong answers in notebook 06, by what the check says of them."""

import numpy as np
import pandas as pd
from scipy import stats


def judged(lost, excess, point=1, limit=0.1 + 1e-9):
    return "nothing" if lost < point else "information" if excess <= limit else "capacity"


def loss_first(accuracy, loss, dense_accuracy, dense_loss):
    return (
        "capacity"
        if loss - dense_loss > 0.1 + 1e-9
        else "information"
        if dense_accuracy - accuracy >= 1
        else "nothing"
    )


def kept(mlm_loss, accuracy, rows):
    return np.corrcoef(mlm_loss[rows], accuracy[rows])[0, 1]


def off_the_floor(accuracy, floor):
    return abs(accuracy - floor) >= 0.0005


def partners(accuracy, extra):
    starts = [s for s in accuracy.index if s + extra in accuracy.index]
    return starts, accuracy.loc[starts], accuracy.loc[[s + extra for s in starts]]


WRONG = {
    "diagnosis": {
        "exactly 1 point": lambda a, t, da, dt: (
            "nothing" if da - a <= 1 else judged(da - a, t - dt)
        ),
        "do not divide": lambda a, t, da, dt: judged(100 * (da - a) / da, t - dt),
        "ask for the accuracy first": loss_first,
        "swapped": lambda a, t, da, dt: {"information": "capacity", "capacity": "information"}.get(
            judged(da - a, t - dt), "nothing"
        ),
        "only 0.05 nats above": lambda a, t, da, dt: judged(da - a, t, limit=0.5),
        "a better fit still": lambda a, t, da, dt: judged(da - a, abs(t - dt)),
        "0.1 nats above dense is still": lambda a, t, da, dt: judged(
            da - a, t - dt, limit=0.1 - 1e-9
        ),
        "better than dense": lambda a, t, da, dt: judged(abs(da - a), t - dt),
        "0.11 nats above": lambda a, t, da, dt: judged(da - a, t - dt, limit=0.12),
        "more than 1": lambda a, t, da, dt: (
            judged(da - a, t - dt, point=2) if a != 79 else "information"
        ),
        "one of": lambda a, t, da, dt: judged(da - a, t - dt).upper(),
    },
    "split_loss": {
        "two numbers": lambda dense, deleted, pruned: dense - pruned,
        "swapped": lambda dense, deleted, pruned: (deleted - pruned, dense - deleted),
        "signs": lambda dense, deleted, pruned: (deleted - dense, pruned - deleted),
        "all that pruning loses": lambda dense, deleted, pruned: (dense - deleted, dense - pruned),
        "may be negative": lambda dense, deleted, pruned: (
            max(0, dense - deleted),
            max(0, deleted - pruned),
        ),
        "divide": lambda dense, deleted, pruned: (
            (dense - deleted) / dense,
            (deleted - pruned) / dense,
        ),
        "Together they are": lambda dense, deleted, pruned: (
            dense - deleted,
            pruned - 52,
        ),  # relative to from_scratch
    },
    "transfer_correlation": {
        "still among the points": lambda x, y, floor: kept(x, y, y != floor),
        "sign": lambda x, y, floor: -kept(x, y, off_the_floor(y, floor)),
        "square": lambda x, y, floor: kept(x, y, off_the_floor(y, floor)) ** 2,
        "Spearman": lambda x, y, floor: stats.spearmanr(
            x[off_the_floor(y, floor)], y[off_the_floor(y, floor)]
        )[0],
        "slope": lambda x, y, floor: np.polyfit(
            x[off_the_floor(y, floor)], y[off_the_floor(y, floor)], 1
        )[0],
        "below the floor": lambda x, y, floor: kept(x, y, y > floor + 0.0005),
        "highest loss": lambda x, y, floor: kept(x, y, x < x.max()),
        "of shape (2, 2)": lambda x, y, floor: np.corrcoef(x, y),
        "not at the floor": lambda x, y, floor: kept(x, y, slice(0, 4)),
    },
    "lost_by_extra": {
        "empty places": lambda table, extra: table - table.shift(-extra // 10),
        "where the step ends": lambda table, extra: (
            partners(table, extra)[1].to_numpy() - partners(table, extra)[2]
        ),
        "Counting rows": lambda table, extra: (table - table.shift(-extra // 10)).dropna(),
        "signs": lambda table, extra: (
            partners(table, extra)[2].to_numpy() - partners(table, extra)[1]
        ),
        "divide": lambda table, extra: (
            1 - partners(table, extra)[2].to_numpy() / partners(table, extra)[1]
        ),
        "first row": lambda table, extra: pd.DataFrame(
            table.iloc[0].to_numpy() - partners(table, extra)[2].to_numpy(),
            partners(table, extra)[0],
            table.columns,
        ),
        "data frame": lambda table, extra: table.loc[0] - table.loc[extra],
        "The columns should be": lambda table, extra: table[["QQP"]],
    },
}
