"""Other right answers in notebook 02."""

import torch

from helpers import pruning


def masked_step(net, loss_of, optimizer, dense, masks):
    weights = pruning.prunable_parameters(net)
    optimizer.zero_grad()
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(torch.where(masks[name], dense[name], 0.0))
    loss_of(net).backward()
    with torch.no_grad():
        for name, weight in weights.items():
            weight.grad[~masks[name]] = 0
            weight.copy_(dense[name])
    optimizer.step()
    return {name: weight.detach().clone() for name, weight in weights.items()}


def cubic_schedule(step, end, final):
    if step >= end:
        return final
    left = (end - step) / end
    return final * (1 - left * left * left)


def masks_at(step, dense, masks, end, final, frequency):
    if step % frequency != 0 and step != end:
        return masks
    left = max(0, 1 - step / end)
    sparsity = final * (1 - left**3)
    return {name: pruning.magnitude_mask(weight, sparsity) for name, weight in dense.items()}


def nested_random_masks(weights, sparsity, seed):
    generator, masks = torch.Generator().manual_seed(seed), {}
    for name, weight in weights.items():
        order = torch.randperm(weight.numel(), generator=generator)
        mask = torch.ones(weight.numel(), dtype=torch.bool)
        mask[order[: round(weight.numel() * sparsity)]] = False
        masks[name] = mask.view(weight.shape)
    return masks
