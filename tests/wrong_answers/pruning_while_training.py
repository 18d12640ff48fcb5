"""Typical wrong answers in notebook 02, by what the check says of them."""

import torch

from helpers import pruning
from helpers.pruning import cubic_sparsity


def step(
    net,
    loss_of,
    optimizer,
    dense,
    masks,
    *,
    see=True,
    gradient=True,
    restore=True,
    clean=True,
    zeroed=False,
    stepped=True,
    kept=False,
):
    """A masked step with one of its parts left out."""
    weight = net.weight
    weight.data = dense["weight"] * masks["weight"] if see else dense["weight"].clone()
    loss_of(net).backward()
    if gradient:
        weight.grad *= masks["weight"]
    if restore:
        weight.data = dense["weight"].clone()
    optimizer.step()
    if clean:
        optimizer.zero_grad()
    after = weight.detach().clone() if stepped else dense["weight"]
    if zeroed:
        after = after * masks["weight"]
    if kept:
        after = torch.where(masks["weight"], after, dense["weight"])
    return {"weight": after}


def ramp(step, dense, masks, end, final, frequency, *, due=None, source=None, sparsity=None):
    """Gradual masks with one of their parts another one."""
    if due(step) if due else step % frequency == 0 or step == end:
        return pruning.masks_for(
            source or dense,
            sparsity if sparsity else cubic_sparsity(step, begin=0, end=end, final=final),
        )
    return masks


def each(weights, mask):
    return {name: mask(weight) for name, weight in weights.items()}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


WRONG = {
    "masked_step": {
        "got None": lambda *given: step(*given) and None,
        "never computed": lambda net, loss_of, optimizer, dense, masks: dense,
        "it must see mask × weight": lambda *given: step(*given, see=False),
        "moved a pruned weight": lambda *given: step(*given, gradient=False),
        "destroyed": lambda *given: step(*given, zeroed=True),
        "does not move": lambda *given: step(*given, stepped=False),
        "zero_grad": lambda *given: step(*given, clean=False),
        "with weight decay": lambda *given: step(*given, kept=True),
        "they should be 0.4 and 0.3": lambda *given: {"weight": 0.9 * step(*given)["weight"]},
    },
    "cubic_schedule": {
        "cubed": lambda t, end, final: final * min(t, end) / end,
        "At the start": lambda t, end, final: final * (1 - min(t, end) / end) ** 3,
        "After the end": lambda t, end, final: final - final * (1 - t / end) ** 3,
    },
    "masks_at": {
        "you return None": lambda t, dense, masks, *plan: ramp(t, dense, None, *plan),
        "the final 80% are already": lambda *given: ramp(*given, sparsity=given[4]),
        "not once": lambda *given: ramp(*given, due=lambda t: t == 0),
        "not from mask × weight": lambda *given: ramp(
            *given, source={"weight": given[1]["weight"] * given[2]["weight"]}
        ),
        "until step 30": lambda *given: ramp(*given, due=lambda t: True),
        "no multiple of 10": lambda *given: ramp(*given, due=lambda t: t % 10 == 0),
        "no longer computed": lambda *given: ramp(
            *given, due=lambda t: t <= given[3] and (t % 10 == 0 or t == given[3])
        ),
        "3 of 10 weights": lambda *given: ramp(*given, sparsity=0.3),
    },
    "nested_random_masks": {
        "dict with a mask for each": lambda weights, s, seed: [
            pruning.random_mask(w, s) for w in weights.values()
        ],
        "True stands for kept": lambda weights, s, seed: each(
            weights, lambda w, g=seeded(seed): ~pruning.random_mask(w, s, g)
        ),
        "sort random numbers": lambda weights, s, seed: each(
            weights, lambda w, g=seeded(seed): torch.rand(w.shape, generator=g) > s
        ),
        "Called twice": lambda weights, s, seed: each(weights, lambda w: pruning.random_mask(w, s)),
        "not on the weights' magnitudes": lambda weights, s, seed: pruning.masks_for(weights, s),
        "before the loop": lambda weights, s, seed: each(
            weights, lambda w: pruning.random_mask(w, s, seeded(seed))
        ),
        "would come back": lambda weights, s, seed: each(
            weights, lambda w, g=seeded(1000 * seed + round(100 * s)): pruning.random_mask(w, s, g)
        ),
    },
}
