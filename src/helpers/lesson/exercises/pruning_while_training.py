"""Exercises of notebook 02."""

import torch

from ... import pruning
from ...pruning import cubic_sparsity
from . import Wrong, exercise


def _check_masked_step(function):
    net = torch.nn.Linear(2, 1)
    seen = []

    def loss_of(net):
        """Slope 1 in the first weight, 2 in the second, 1 in the bias."""
        seen.append(net.weight.detach().flatten().tolist())
        return net(torch.tensor([[1.0, 2.0]])).sum()

    def step(dense, mask, optimizer):
        seen.clear()
        dense = function(
            net,
            loss_of,
            optimizer,
            {"weight": torch.tensor([dense])},
            {"weight": torch.tensor([mask])},
        )
        if not isinstance(dense, dict) or "weight" not in dense or dense["weight"].shape != (1, 2):
            raise Wrong(
                f"Return the dense values after the step as a dict with the same names, here only 'weight', got {dense!r}."
            )
        if not seen:
            raise Wrong("The loss was never computed: call loss_of(net), then backward().")
        return [round(value, 6) for value in dense["weight"].detach().flatten().tolist()]

    def start(**options):
        with torch.no_grad():
            net.weight.fill_(9.0)
            net.bias.fill_(0.0)
        return torch.optim.SGD(net.parameters(), lr=0.1, **options)

    case = "With the dense values 0.5 and 0.3, of which the mask prunes the second, "
    optimizer = start()
    first, second = step([0.5, 0.3], [True, False], optimizer)
    if torch.tensor(seen[0]).sub(torch.tensor([0.5, 0.0])).abs().max() > 1e-6:
        raise Wrong(
            f"{case}the loss sees the weights {[round(value, 3) for value in seen[0]]}; it must see mask × weight, [0.5, 0.0]."
        )
    if second == 0:
        raise Wrong(
            f"{case}0.3 has become 0: the value under the mask is destroyed, and the weight could never come back. Give the optimizer the "
            "dense values, and return them unmasked."
        )
    if abs(second - 0.1) < 1e-6:
        raise Wrong(
            f"{case}0.3 has become 0.1: the optimizer moved a pruned weight along its gradient. Multiply the gradient with the mask "
            "before the optimizer's step."
        )
    if first == 0.5:
        raise Wrong(
            f"{case}0.5 does not move, though it is kept: is it the optimizer's result that you return?"
        )
    if abs(first - 0.4) > 1e-6 or abs(second - 0.3) > 1e-6:
        raise Wrong(f"{case}they become {first:g} and {second:g}; they should be 0.4 and 0.3.")
    first, second = step([0.4, 0.3], [True, False], optimizer)
    if abs(first - 0.3) > 1e-6 or abs(net.bias.item() + 0.2) > 1e-6:
        raise Wrong(
            "In the second step the gradient of the first one is still there and counts again: zero_grad() is missing."
        )
    first, second = step([0.3, 0.3], [False, True], optimizer)
    if torch.tensor(seen[0]).sub(torch.tensor([0.0, 0.3])).abs().max() > 1e-6:
        raise Wrong(
            f"When the mask lets the second weight come back, the loss sees {[round(value, 3) for value in seen[0]]}; "
            "it must see [0.0, 0.3]."
        )
    first, second = step([0.5, 0.3], [True, False], start(weight_decay=1.0))
    if abs(second - 0.27) > 1e-6:
        raise Wrong(
            f"{case}and an optimizer with weight decay, 0.3 becomes {second:g} and not 0.27. Its gradient is 0, but the optimizer works "
            "on all dense values, and decays them, too."
        )
    return "The loss sees the mask, and the values under it live on."


@exercise(_check_masked_step)
def masked_step(net, loss_of, optimizer, dense, masks):
    """One training step through masks: `dense` holds the values under them. Returns the dense values after the step."""
    weights = pruning.prunable_parameters(net)
    ### BEGIN SOLUTION
    for name, weight in weights.items():
        weight.data = dense[name] * masks[name]  # the loss sees mask × weight
    loss_of(net).backward()
    for name, weight in weights.items():
        weight.grad *= masks[name]  # no gradient where it is pruned
        weight.data = dense[name].clone()  # the optimizer works on the values under the mask
    optimizer.step()
    optimizer.zero_grad()
    return {name: weight.detach().clone() for name, weight in weights.items()}
    ### END SOLUTION


def _check_cubic_schedule(function):
    hints = {
        "at the start": "(1 - 0) ** 3 is 1, so nothing is pruned yet",
        "half-way": "is the bracket cubed?",
        "after the end": "after the ramp the sparsity stays where it is",
        "at the end": "the bracket is 0 there",
    }
    for step, name in (
        (0, "at the start"),
        (100, "at the end"),
        (50, "half-way"),
        (150, "after the end"),
    ):
        value, wanted = (
            float(function(step, 100, 0.8)),
            cubic_sparsity(step, begin=0, end=100, final=0.8),
        )
        if abs(value - wanted) > 1e-6:
            raise Wrong(
                f"{name.capitalize()} (step {step} of 100, final sparsity 0.8) you get {value:.4f}, "
                f"it should be {wanted:.4f}: {hints[name]}."
            )
    return "The schedule of Zhu and Gupta."


@exercise(_check_cubic_schedule)
def cubic_schedule(step, end, final):
    """The sparsity at a step of a ramp from 0 to `final` that ends at step `end`."""
    ### BEGIN SOLUTION
    return final - final * (1 - min(step, end) / end) ** 3
    ### END SOLUTION


def _check_masks_at(function):
    dense = {"weight": torch.tensor([[0.1, -0.2, 0.3, -0.4, 0.5], [-0.6, 0.7, -0.8, 0.9, -1.0]])}
    # -1.0 was pruned when others were larger; they have shrunk below it
    before = {
        "weight": torch.tensor([[False, False, True, True, True], [True, True, True, True, False]])
    }

    def zeros(step, end, final=0.8):
        masks = function(
            step,
            {"weight": dense["weight"].clone()},
            {"weight": before["weight"].clone()},
            end,
            final,
            10,
        )
        if not isinstance(masks, dict) or "weight" not in masks:
            raise Wrong(
                f"Return masks as a dict with the same names at every step, also where they stay as they are; "
                f"at step {step} you return {masks!r}."
            )
        return masks["weight"].bool(), int((~masks["weight"].bool()).sum())

    mask, count = zeros(20, 100)
    wanted = round(10 * cubic_sparsity(20, begin=0, end=100, final=0.8))
    if count == 8:
        raise Wrong(
            f"At step 20 of 100 the final 80% are already pruned. Ask the schedule how much it is by then: {wanted} of 10 weights."
        )
    if torch.equal(mask, before["weight"]):
        raise Wrong(
            "At step 20 the masks are the old ones. With a frequency of 10 they are computed again at steps 0, 10, 20 and so on, not once."
        )
    if not mask[1, 4]:
        raise Wrong(
            "At step 20 the weight -1.0 stays pruned. Under its mask it is now the largest: compute masks from the dense "
            "values, not from mask × weight."
        )
    if count != wanted or not torch.equal(
        mask, pruning.magnitude_mask(dense["weight"], wanted / 10)
    ):
        raise Wrong(
            f"At step 20 of 100 on the way to 80%, {count} of 10 weights are pruned: it should be the {wanted} smallest magnitudes."
        )
    mask, count = zeros(25, 100)
    if not torch.equal(mask, before["weight"]):
        raise Wrong(
            "At step 25 there are new masks. With a frequency of 10 those that were given stay in force until step 30."
        )
    mask, count = zeros(35, 35)
    if count != 8:
        raise Wrong(
            f"A ramp that ends at step 35 has pruned {count} of 10 weights there, not 8: the masks must be computed again at its end, "
            "too, though 35 is no multiple of 10."
        )
    mask, count = zeros(200, 100)
    if torch.equal(mask, before["weight"]):
        raise Wrong(
            "At step 200, after a ramp of 100 steps, the masks are no longer computed. The sparsity stays, but other weights may have "
            "become the small ones."
        )
    if not torch.equal(mask, pruning.magnitude_mask(dense["weight"], 0.8)):
        raise Wrong(
            f"At step 200, after a ramp of 100 steps to 80%, {count} of 10 weights are pruned: it should be the 8 smallest magnitudes."
        )
    return "Weights may return as long as training lasts."


@exercise(_check_masks_at)
def masks_at(step, dense, masks, end, final, frequency):
    """The masks in force at a step: new ones every `frequency` steps and at the ramp's end, else those in `masks`."""
    ### BEGIN SOLUTION
    if step % frequency == 0 or step == end:
        return pruning.masks_for(dense, cubic_schedule(step, end, final))
    return masks
    ### END SOLUTION


def _check_nested_random_masks(function):
    generator = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(20, 30, generator=generator) for name in ("first", "second")}

    def masks(sparsity, seed):
        result = function(
            {name: weight.clone() for name, weight in weights.items()}, sparsity, seed
        )
        if not isinstance(result, dict) or result.keys() != weights.keys():
            raise Wrong(
                f"Return a dict with a mask for each of {', '.join(weights)}, got "
                f"{list(result) if isinstance(result, dict) else type(result).__name__}."
            )
        for name, mask in result.items():
            if mask.shape != weights[name].shape:
                raise Wrong(
                    f"The mask of '{name}' must have its weight's shape {tuple(weights[name].shape)}, got {tuple(mask.shape)}."
                )
        return {name: mask.bool() for name, mask in result.items()}

    some, again, more, other = masks(0.5, 0), masks(0.5, 0), masks(0.7, 0), masks(0.5, 1)
    for given, sparsity in ((some, 0.5), (more, 0.7)):
        for name, mask in given.items():
            zeros, wanted = int((~mask).sum()), round(mask.numel() * sparsity)
            if zeros == mask.numel() - wanted != wanted:
                raise Wrong(
                    f"At {100 * sparsity:.0f}%, '{name}' has {wanted} of {mask.numel()} entries kept: True stands for kept."
                )
            if zeros != wanted:
                raise Wrong(
                    f"At {100 * sparsity:.0f}%, '{name}' has {zeros} of {mask.numel()} entries pruned, {wanted} should be: sort random "
                    "numbers instead of comparing each with the sparsity."
                )
    if any((mask != again[name]).any() for name, mask in some.items()):
        raise Wrong(
            "Called twice with the same seed it gives different masks. Make a torch.Generator, and give it the seed."
        )
    if all((mask == other[name]).all() for name, mask in some.items()):
        raise Wrong(
            "Seeds 0 and 1 give the same masks: the masks must depend on the seed and not on the weights' magnitudes."
        )
    if (some["first"] == some["second"]).all():
        raise Wrong(
            "Two matrices of one shape get the same mask. Make the generator once, before the loop over the matrices."
        )
    returned = sum(int((~mask & more[name]).sum()) for name, mask in some.items())
    if returned:
        raise Wrong(
            f"{returned} entries are pruned at 50% but kept at 70%. On a ramp they would come back: the order of pruning must depend on "
            "the seed alone, not on the sparsity."
        )
    return "Random, exact, and each one within the next."


@exercise(_check_nested_random_masks)
def nested_random_masks(weights, sparsity, seed):
    """Random masks, exact in each matrix. For one seed, what is pruned at a sparsity is pruned at every higher one."""
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    scores = {
        name: torch.rand(weight.shape, generator=generator) for name, weight in weights.items()
    }
    return pruning.masks_for(
        scores, sparsity
    )  # by magnitude, but of random numbers that do not change
    ### END SOLUTION
