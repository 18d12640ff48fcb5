"""Exercises of notebook 02."""

import copy

import torch

from ... import pruning
from ...pruning import cubic_sparsity
from . import NOTHING, Wrong, described, exercise, masks_like, number


def _dense_values(dense, net):
    """What `masked_step` returns, if it fits the net."""
    weights = pruning.prunable_parameters(net)
    if not isinstance(dense, dict) or dense.keys() != weights.keys():
        got = list(dense) if isinstance(dense, dict) else type(dense).__name__
        raise Wrong(
            "Return the dense values after the step as a dict with the same names, "
            f"{', '.join(weights)}. Yours: {got}."
        )
    for name, value in dense.items():
        if not torch.is_tensor(value) or value.shape != weights[name].shape:
            raise Wrong(f"Return for '{name}' a tensor of shape {tuple(weights[name].shape)}.")
    return dense


def _check_masked_step(function):
    net = torch.nn.Linear(2, 1)
    seen = []

    def loss_of(net):
        """Slope 1 in the first weight, 2 in the second, 1 in the bias."""
        seen.append(net.weight.detach().flatten().tolist())
        return net(torch.tensor([[1.0, 2.0]])).sum()

    def step(dense, mask, optimizer):
        seen.clear()
        given = {"weight": torch.tensor([dense])}, {"weight": torch.tensor([mask])}
        after = _dense_values(function(net, loss_of, optimizer, *given), net)
        if after["weight"].data_ptr() == net.weight.data_ptr():
            raise Wrong(
                "You return the net's own tensor, which changes whenever the net does. "
                "Return a copy: `weight.detach().clone()`."
            )
        if not seen:
            raise Wrong("The loss was never computed: call loss_of(net), then backward().")
        return [round(value, 6) for value in after["weight"].detach().flatten().tolist()]

    def start(**options):
        with torch.no_grad():
            net.weight.fill_(9.0)
            net.bias.fill_(0.0)
        return torch.optim.SGD(net.parameters(), lr=0.1, **options)

    rounded = lambda values: [round(value, 3) for value in values]
    far = lambda values, wanted: torch.tensor(values).sub(torch.tensor(wanted)).abs().max() > 1e-6
    case = "With the dense values 0.5 and 0.3, of which the mask prunes the second, "
    optimizer = start()
    first, second = step([0.5, 0.3], [True, False], optimizer)
    if far(seen[0], [0.5, 0.0]):
        raise Wrong(
            f"{case}the loss sees the weights {rounded(seen[0])}. It must see mask × weight, "
            "[0.5, 0.0]."
        )
    if second == 0:
        raise Wrong(
            f"{case}0.3 has become 0. The value under the mask is destroyed, and the weight could "
            "never come back. Give the optimizer the dense values, and return them unmasked."
        )
    if abs(second - 0.1) < 1e-6:
        raise Wrong(
            f"{case}0.3 has become 0.1: the optimizer moved a pruned weight along its gradient. "
            "Multiply the gradient with the mask before the optimizer's step."
        )
    if first == 0.5:
        raise Wrong(
            f"{case}0.5 does not move, though it is kept. Do you return the optimizer's result?"
        )
    if far([first, second], [0.4, 0.3]):
        raise Wrong(f"{case}they become {first:g} and {second:g}. They should be 0.4 and 0.3.")
    first, second = step([0.4, 0.3], [True, False], optimizer)
    bias = net.bias.item()
    if min(abs(first - 0.2), abs(bias + 0.3)) < 1e-6:
        raise Wrong(
            "In the second step the gradient of the first one is still there and counts again: "
            "zero_grad() is missing."
        )
    if far([first, second, bias], [0.3, 0.3, -0.2]):
        raise Wrong(
            f"After a second step, from 0.4 and 0.3, the weights are {first:g} and {second:g} and "
            f"the bias is {bias:g}. They should be 0.3 and 0.3, and -0.2."
        )
    step([0.3, 0.3], [False, True], optimizer)
    if far(seen[0], [0.0, 0.3]):
        raise Wrong(
            f"When the mask lets the second weight come back, the loss sees {rounded(seen[0])}. It "
            "must see [0.0, 0.3]."
        )
    first, second = step([0.5, 0.3], [True, False], start(weight_decay=1.0))
    if abs(second - 0.27) > 1e-6:
        raise Wrong(
            f"{case}and an optimizer with weight decay, 0.3 becomes {second:g} and not 0.27. Its "
            "gradient is 0, but the optimizer works on all dense values, and decays them, too."
        )
    _check_two_layers(function)
    return "The loss sees the mask, and the values under it live on."


def _check_two_layers(function):
    """Two steps of a net of two layers, against the solution."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)
    inputs, masks = draw(5, 3), {"0.weight": draw(4, 3) > 0, "1.weight": draw(2, 4) > 0}
    values = {name: draw(*mask.shape) for name, mask in masks.items()}
    results = []
    for step in (masked_step, function):
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
        for parameter in net.parameters():
            parameter.data.fill_(0.5)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        dense = copy.deepcopy(values)
        for _ in range(2):
            dense = step(net, lambda net: net(inputs).square().mean(), optimizer, dense, masks)
            dense = {n: value.detach().clone() for n, value in _dense_values(dense, net).items()}
        results.append(dense | {"0.bias": net[0].bias, "1.bias": net[1].bias})
    for name, wanted in results[0].items():
        if not torch.allclose(results[1][name], wanted, atol=1e-5):
            raise Wrong(
                f"Right for one matrix, but wrong for a net with two layers: look at '{name}' "
                "after two steps. Does every matrix get its own mask?"
            )


@exercise(_check_masked_step, changes=("net", "loss_of", "optimizer"))
def masked_step(net, loss_of, optimizer, dense, masks):
    """One training step through masks. `dense` holds the values under them.

    Returns copies of the dense values after the step.
    """
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
    places = {
        (0, 100, 0.8): "At the start",
        (100, 100, 0.8): "At the end",
        (25, 100, 0.8): "After a quarter",
        (15, 10, 0.8): "After the end",
        (20, 40, 0.5): "Half-way",
    }
    for (step, end, final), name in places.items():
        value = function(step, end, final)
        if torch.is_tensor(value):
            raise Wrong("Return a plain number, not a tensor: `.item()` makes one.")
        value = number(value)
        wanted = cubic_sparsity(step, begin=0, end=end, final=final)
        if abs(value - wanted) < 1e-6:
            continue
        done = min(step / end, 1)
        shapes = {
            final * done: "That is a straight line. The bracket is to the power of 3",
            final * done**3: "That rises slowly at first. It is 1 minus what is done that is cubed",
            final - final * (1 - done) ** 2: "The bracket is squared. It is to the power of 3",
            final * (1 - done) ** 3: "That is what is still to be pruned. Take it from the final "
            "sparsity",
        }
        hints = {"At the start": "Nothing is pruned yet", "At the end": "The bracket is 0 there"}
        hints["After the end"] = "After the ramp the sparsity stays where it is"
        hint = hints.get(name, "See the formula above")
        if 0 < done < 1:
            hint = next((said for v, said in shapes.items() if abs(value - v) < 1e-6), hint)
        raise Wrong(
            f"{name} (step {step} of {end}, final sparsity {final}) you get {value:.4f}. "
            f"It should be {wanted:.4f}. {hint}."
        )
    return "The schedule of Zhu and Gupta."


@exercise(_check_cubic_schedule)
def cubic_schedule(step, end, final):
    """The sparsity at a step of a ramp from 0 to `final` that ends at step `end`."""
    ### BEGIN SOLUTION
    return final - final * (1 - min(step, end) / end) ** 3
    ### END SOLUTION


def _check_masks_at(function):
    dense = {
        "weight": torch.tensor([[0.1, -0.2, 0.3, -0.4, 0.5], [-0.6, 0.7, -0.8, 0.9, -1.0]]),
        "other": 0.1 * torch.randn(40, 30, generator=torch.Generator().manual_seed(0)),
    }
    # -1.0 was pruned when others were larger; they have shrunk below it
    before = {
        "weight": torch.tensor([[False, False, True, True, True], [True, True, True, True, False]]),
        "other": dense["other"] > 0,
    }

    def masks_of(step, end, frequency=10, final=0.8):
        masks = function(step, dense, before, end, final, frequency)
        if not isinstance(masks, dict):
            raise Wrong(
                "Return masks as a dict with the same names at every step, also where they stay as "
                f"they are. At step {step} you return {described(masks)}."
            )
        masks = masks_like(dense, masks)
        return masks, int((~masks["weight"]).sum())

    same = lambda masks, others: all(torch.equal(mask, others[n]) for n, mask in masks.items())
    masks, count = masks_of(20, 100)
    sparsity = cubic_sparsity(20, begin=0, end=100, final=0.8)
    wanted = round(10 * sparsity)
    if count == 8:
        raise Wrong(
            "At step 20 of 100 the final 80% are already pruned. Ask the schedule how many should "
            f"be pruned by then: {wanted} of 10 weights."
        )
    if same(masks, before):
        raise Wrong(
            "At step 20 the masks are the old ones. With a frequency of 10 they are computed again "
            "at steps 0, 10, 20 and so on, not once."
        )
    if not masks["weight"][1, 4]:
        raise Wrong(
            "At step 20 the weight -1.0 stays pruned. Under its mask it is now the largest: "
            "compute masks from the dense values, not from mask × weight."
        )
    if same(masks, pruning.masks_for(dense, sparsity, "global")):
        raise Wrong(
            "At step 20 there is one threshold for all matrices. Each matrix has its own: call "
            "`pruning.masks_for` without a scope."
        )
    right = pruning.masks_for(dense, sparsity)
    if not torch.equal(masks["weight"], right["weight"]):
        raise Wrong(
            f"At step 20 of 100 on the way to 80%, {count} of 10 weights are pruned. It should be "
            f"the {wanted} smallest magnitudes."
        )
    if not same(masks, right):
        raise Wrong(
            f"At step 20, the right {wanted} of 10 weights are pruned. But in another matrix, of "
            f"{dense['other'].numel()} weights, {int((~masks['other']).sum())} are pruned. It "
            f"should be the {int((~right['other']).sum())} smallest."
        )
    if not same(masks_of(0, 100)[0], _ramped(dense, 0)):
        raise Wrong(
            "At step 0 the masks are not computed. 0 is a multiple of the frequency, too: the "
            "schedule says 0%, so everything is kept."
        )
    if not same(masks_of(25, 100)[0], before):
        raise Wrong(
            "At step 25 there are new masks. With a frequency of 10 the given masks stay until "
            "step 30."
        )
    masks, count = masks_of(35, 35)
    if count != 8:
        raise Wrong(
            f"A ramp that ends at step 35 has pruned {count} of 10 weights there, not 8. The masks "
            "must be computed again at its end, too, though 35 is no multiple of 10."
        )
    for step in (205, 101):
        if not same(masks_of(step, 100)[0], before):
            raise Wrong(
                f"At step {step}, after a ramp of 100 steps, there are new masks. After the ramp, "
                f"too, compute them every 10 steps only: {step} is no multiple of 10."
            )
    masks, count = masks_of(200, 100)
    if same(masks, before):
        raise Wrong(
            "At step 200, after a ramp of 100 steps, the masks are no longer computed. The "
            "sparsity stays, but other weights may have become the small ones."
        )
    if not same(masks, pruning.masks_for(dense, 0.8)):
        raise Wrong(
            f"At step 200, after a ramp of 100 steps to 80%, {count} of 10 weights are pruned. It "
            "should be the 8 smallest magnitudes."
        )
    if not same(masks_of(200, 100, final=0.4)[0], pruning.masks_for(dense, 0.4)):
        raise Wrong("Right for a ramp to 80%, but not for a ramp to 40%. Use `final`.")
    if not same(masks_of(15, 100, frequency=5)[0], _ramped(dense, 15)):
        raise Wrong(
            "At step 15 of 100 the masks are not what they should be. The frequency is 5 here, so "
            "they are computed again."
        )
    return "Weights may return as long as training lasts."


def _ramped(dense, step):
    return pruning.masks_for(dense, cubic_sparsity(step, begin=0, end=100, final=0.8))


@exercise(_check_masks_at, none=True)
def masks_at(step, dense, masks, end, final, frequency):
    """The masks in force at a step: those in `masks`, or new ones.

    There are new ones every `frequency` steps and at the ramp's end.
    """
    ### BEGIN SOLUTION
    if step % frequency == 0 or step == end:
        return pruning.masks_for(dense, cubic_schedule(step, end, final))
    return masks
    ### END SOLUTION


def _check_nested_random_masks(function):
    generator = torch.Generator().manual_seed(0)
    shapes = {"first": (20, 30), "second": (20, 30), "third": (7, 5)}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    masks = lambda sparsity, seed: masks_like(weights, function(weights, sparsity, seed))
    some, again, other = masks(0.5, 0), masks(0.5, 0), masks(0.5, 1)
    by_sparsity = {sparsity: masks(sparsity, 0) for sparsity in (0.25, 0.75, 0.0)}
    more = by_sparsity[0.75]
    for sparsity, given in ({0.5: some} | by_sparsity).items():
        for name, mask in given.items():
            exact = mask.numel() * sparsity
            if exact % 1 == 0.5:  # a half may be rounded either way
                continue
            zeros, wanted = int((~mask).sum()), round(exact)
            case = f"At {100 * sparsity:.0f}%, '{name}' has"
            if wanted == 0 and zeros == mask.numel():
                raise Wrong(NOTHING)
            if zeros == mask.numel() - wanted != wanted:
                raise Wrong(
                    f"{case} {wanted} of {mask.numel()} entries kept: True stands for kept."
                )
            if zeros == int(exact) != wanted:
                raise Wrong(
                    f"{case} {zeros} of {mask.numel()} entries pruned, {wanted} should be. Round "
                    f"{exact:g} to the nearest whole number."
                )
            if zeros != wanted:
                raise Wrong(
                    f"{case} {zeros} of {mask.numel()} entries pruned, {wanted} should be. Sort "
                    "random numbers instead of comparing each with the sparsity."
                )
    if any((mask != again[name]).any() for name, mask in some.items()):
        raise Wrong(
            "Called twice with the same seed it gives different masks. Make a torch.Generator, and "
            "give it the seed."
        )
    if all((mask == other[name]).all() for name, mask in some.items()):
        raise Wrong(
            "Seeds 0 and 1 give the same masks. The masks must depend on the seed and not on the "
            "weights' magnitudes."
        )
    if (some["first"] == some["second"]).all():
        raise Wrong(
            "Two matrices of one shape get the same mask. Make the generator once, before the loop "
            "over the matrices."
        )
    returned = sum(int((~mask & more[name]).sum()) for name, mask in some.items())
    if returned:
        raise Wrong(
            f"{returned} entries are pruned at 50% but kept at 75%. On a ramp they would come "
            "back. The order of pruning must depend on the seed alone, not on the sparsity."
        )
    halves = [float(part.float().mean()) for dim in (0, 1) for part in some["first"].chunk(2, dim)]
    if max(halves) > 0.75:
        raise Wrong(
            f"At 50%, {100 * max(halves):.0f}% of one half of a matrix are kept. Every entry must "
            "have the same chance."
        )
    return "Random, exact, and never undone at a higher sparsity."


@exercise(_check_nested_random_masks)
def nested_random_masks(weights, sparsity, seed):
    """Random masks, exact in each matrix, True where kept.

    With one seed, a weight that is pruned at a sparsity is pruned at every higher one.
    """
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    # by magnitude, but of random numbers that do not change
    scores = {name: torch.rand(w.shape, generator=generator) for name, w in weights.items()}
    return pruning.masks_for(scores, sparsity)
    ### END SOLUTION
