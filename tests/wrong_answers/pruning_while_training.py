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


def ramp(
    step,
    dense,
    masks,
    end,
    final,
    frequency,
    *,
    due=None,
    source=None,
    sparsity=None,
    scope="matrix",
):
    """Gradual masks with one of their parts another one."""
    if due(step) if due else step % frequency == 0 or step == end:
        return pruning.masks_for(
            source or dense,
            sparsity if sparsity else cubic_sparsity(step, begin=0, end=end, final=final),
            scope,
        )
    return masks


def update_in_place(*given):
    masks = given[2]
    for name, mask in ramp(*given).items():
        masks[name].copy_(mask)
    return masks


def careless(net, loss_of, optimizer, dense, masks):
    """The optimizer works on the very tensors that were given."""
    net.weight.data = dense["weight"] * masks["weight"]
    loss_of(net).backward()
    net.weight.grad *= masks["weight"]
    net.weight.data = dense["weight"]
    optimizer.step()
    optimizer.zero_grad()
    return {"weight": net.weight.detach().clone()}


def each(weights, mask, seed):
    generator = seeded(seed)
    return {name: mask(weight, generator) for name, weight in weights.items()}


def from_the_end(weight, sparsity, generator):
    """Not random but for the place where it begins."""
    shift = int(torch.randint(weight.numel(), (), generator=generator))
    flat = torch.arange(weight.numel()) >= round(weight.numel() * sparsity)
    return flat.roll(shift // 20).view(weight.shape)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


WRONG = {
    "masked_step": {
        "Is a `return` missing": lambda *given: step(*given) and None,
        "never computed": lambda net, loss_of, optimizer, dense, masks: dense,
        "It must see mask × weight": lambda *given: step(*given, see=False),
        "moved a pruned weight": lambda *given: step(*given, gradient=False),
        "destroyed": lambda *given: step(*given, zeroed=True),
        "After a second step": lambda net, *given: (
            step(net, *given, kept=False)
            if net.bias.item() == 0
            else {"weight": step(net, *given)["weight"] * 1.5}
        ),
        "does not move": lambda *given: step(*given, stepped=False),
        "zero_grad": lambda *given: step(*given, clean=False),
        "the net's own tensor": lambda net, *given: step(net, *given) and {"weight": net.weight},
        "changes its argument `dense`": careless,
        "two layers": lambda net, *given: (
            step(net, *given)
            if isinstance(net, torch.nn.Linear)
            else {n: w.detach().clone() for n, w in pruning.prunable_parameters(net).items()}
        ),
        "with weight decay": lambda *given: step(*given, kept=True),
        "They should be 0.4 and 0.3": lambda *given: {"weight": 0.9 * step(*given)["weight"]},
    },
    "cubic_schedule": {
        "a plain number": lambda t, end, f: torch.tensor(f - f * (1 - min(t, end) / end) ** 3),
        "a straight line": lambda t, end, final: final * min(t, end) / end,
        "The bracket is squared": lambda t, end, f: f - f * (1 - min(t, end) / end) ** 2,
        "at first": lambda t, end, final: final * (min(t, end) / end) ** 3,
        "After a quarter": lambda t, end, final: 0 if t == 0 else final,
        "Half-way": lambda t, end, final: (
            0.8 if t >= end else 0.8 - 0.8 * (1 - min(t, 100) / 100) ** 3
        ),
        "At the start": lambda t, end, final: final * (1 - min(t, end) / end) ** 3,
        "After the end": lambda t, end, final: final - final * (1 - t / end) ** 3,
    },
    "masks_at": {
        "you return None": lambda t, dense, masks, *plan: ramp(t, dense, None, *plan),
        "the final 80% are already": lambda *given: ramp(*given, sparsity=given[4]),
        "not once": lambda *given: ramp(*given, due=lambda t: t == 0),
        "not from mask × weight": lambda *given: ramp(
            *given, source={n: w * given[2][n] for n, w in given[1].items()}
        ),
        "At step 0 the masks": lambda *given: ramp(
            *given, due=lambda t: (t > 0 and t % given[5] == 0) or t == given[3]
        ),
        "until step 30": lambda *given: ramp(*given, due=lambda t: True),
        "no multiple of 10": lambda *given: ramp(*given, due=lambda t: t % 10 == 0),
        "no longer computed": lambda *given: ramp(
            *given, due=lambda t: t <= given[3] and (t % 10 == 0 or t == given[3])
        ),
        "101 is no multiple": lambda *given: (
            ramp(*given, due=lambda t: t % 10 == 0 or t > 100) if given[0] == 101 else ramp(*given)
        ),
        "205 is no multiple": lambda *given: ramp(
            *given, due=lambda t: t % given[5] == 0 or t >= given[3]
        ),
        "one threshold for all matrices": lambda *given: ramp(*given, scope="global"),
        "in another matrix": lambda *given: {**given[2], "weight": ramp(*given)["weight"]},
        "frequency is 5": lambda *given: ramp(*given[:5], 10),
        "Use `final`": lambda *given: ramp(*given[:4], 0.8, given[5]),
        "changes its argument `masks`": update_in_place,
        "3 of 10 weights": lambda *given: ramp(*given, sparsity=0.3),
    },
    "nested_random_masks": {
        "dict with a mask for each": lambda weights, s, seed: [
            pruning.random_mask(w, s) for w in weights.values()
        ],
        "True stands for kept": lambda weights, s, seed: each(
            weights, lambda w, g: ~pruning.random_mask(w, s, g), seed
        ),
        "Sort random numbers": lambda weights, s, seed: each(
            weights, lambda w, g: torch.rand(w.shape, generator=g) > s, seed
        ),
        "Called twice": lambda weights, s, seed: each(
            weights, lambda w, g: pruning.random_mask(w, s), seed
        ),
        "not on the weights' magnitudes": lambda weights, s, seed: pruning.masks_for(weights, s),
        "before the loop": lambda weights, s, seed: each(
            weights, lambda w, g: pruning.random_mask(w, s, seeded(seed)), seed
        ),
        "nearest whole number": lambda weights, s, seed: each(
            weights, lambda w, g: pruning.random_mask(w, int(w.numel() * s) / w.numel(), g), seed
        ),
        "of one half": lambda weights, s, seed: each(
            weights, lambda w, g: from_the_end(w, s, g), seed
        ),
        "would come back": lambda weights, s, seed: each(
            weights, lambda w, g: pruning.random_mask(w, s, g), 1000 * seed + round(100 * s)
        ),
    },
}
