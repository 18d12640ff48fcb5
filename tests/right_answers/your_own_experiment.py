"""Other right answers in notebook 09."""


def first_loss(lost, limit):
    for sparsity in sorted(lost.index):
        if lost[sparsity] > limit:
            return sparsity
    return None
