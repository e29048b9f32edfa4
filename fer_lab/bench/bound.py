"""What an exact map takes at least: arithmetic as the layers are written, over a matrix's rate."""

from typing import Any

import torch
from torch import Tensor, nn

from fer_lab.bench.shared import timed
from fer_utils.saliency._engines.gpu import full_precision
from fer_utils.saliency.windows import OcclusionProblem

# Windows that are looked at, pictures in a pass.
WINDOWS, PICTURES = 49, 8
# The side of the matrices, of a kind of device: as small as is still quick, for the best of many
# products is that of a quiet moment.
SIDES = {"cpu": 512, "cuda": 4096}
TRIES = 40


def multiply_adds(net: nn.Module, problem: OcclusionProblem) -> float:
    """Count the multiply-adds of all windows, in convolutions and linear layers.

    Of a convolution's outputs, and of a linear layer's inputs, those count that a window has
    changed. What other layers do is left out, so this is a lower bound for who computes the layers
    as they are written; `_engines.delta.winograd` makes fewer products of 3x3 convolutions.

    Args:
        net: in evaluation mode.
        problem: a picture (1, C, H, W), and where it is covered.
    """
    found = 0

    def count(module: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal found
        if isinstance(module, nn.Linear):
            found += module.out_features * int((inputs[0][1:] != inputs[0][:1]).sum())
        else:  # a pixel of all channels takes every weight once
            changed = (output[1:] != output[:1]).any(1).sum()
            found += module.weight.numel() * int(changed)

    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    windows = len(problem.windows)
    chosen = torch.linspace(0, windows - 1, min(windows, WINDOWS)).long()
    try:
        with torch.no_grad():
            for part in chosen.to(problem.picture.device).split(PICTURES):
                net(torch.cat((problem.picture, problem.covered(part))))
    finally:
        for hook in hooks:
            hook.remove()
    return found * windows / len(chosen)


def matrix_rate(device: torch.device) -> float:
    """Return how many multiply-adds a second the product of two float32 matrices has, at best."""
    side = SIDES.get(device.type, 1024)
    left, right = torch.rand(2, side, side, device=device)
    with full_precision(device):
        return side**3 / min(timed(lambda: left @ right, device)[0] for _ in range(TRIES))
