"""Other right answers in notebook 06."""

import pandas as pd
from scipy import stats


def diagnosis(accuracy, train_loss, dense_accuracy, dense_loss):
    fits = train_loss <= dense_loss + 0.1 + 1e-9
    if accuracy > dense_accuracy - 1:
        return "nothing"
    elif fits:
        return "information"
    return "capacity"


def split_loss(dense, info_deletion, prune_pretrain):
    deletion = dense - info_deletion
    total = dense - prune_pretrain
    return [deletion, total - deletion]


def transfer_correlation(mlm_loss, accuracy, floor):
    collapsed = (accuracy > floor - 0.0005) & (accuracy < floor + 0.0005)
    return stats.pearsonr(mlm_loss[~collapsed], accuracy[~collapsed]).statistic


def lost_by_extra(accuracy, extra):
    rows = {}
    for start, row in accuracy.iterrows():
        if start + extra in accuracy.index:
            rows[start] = row - accuracy.loc[start + extra]
    return pd.DataFrame(rows).T
