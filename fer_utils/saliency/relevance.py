"""Layer-wise relevance propagation (LRP): a logit is handed back, layer by layer, to the pixels.

Every unit shares what it got among its inputs, in proportion to what they gave it. Done so plainly,
the map is the gradient times the picture (Ancona et al. 2018), grain and all; so the convolutions
take the gamma rule, which gives more to the inputs that pulled the unit the way it went.

Sources: Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise
relevance propagation" (2015); Montavon et al., "Layer-wise relevance propagation: an overview"
(2019), section 10.2.3; with the rule for inputs below 0 of Andeol et al., "Learning domain
invariant representations by joint Wasserstein distance minimization" (2021), which is zennit's.

captum 0.9's `LRP` serves no net of the kit: it knows eleven kinds of layers, and where a net adds
two tensors, as every residual block does, each of them gets the whole of the relevance.
"""

import copy

import torch
from torch import Tensor, nn

from fer_utils._arguments import number
from fer_utils.errors import FerError
from fer_utils.models.layers import SpatialTransformer
from fer_utils.saliency._engines.fold import CONVOLUTIONS, fold


def lrp(net: nn.Module, picture: Tensor, target: int, gamma: float = 0.25) -> Tensor:
    """Return the map (H, W), which sums to the logit less what the biases keep of it.

    Batch norms are folded into the convolutions before them, and the crop of a spatial transformer
    is taken as it lies. All other layers (linear ones, pooling, sums, ReLU) share in plain
    proportion.

    Args:
        net: from pictures to logits, in evaluation mode; a copy of it is used.
        picture: (1, C, H, W).
        target: index of the class.
        gamma: of the rule; 0 makes the map the gradient times the picture.

    Raises:
        FerError: a net that cannot be copied, or a gamma below 0.
    """
    gamma = number("gamma", gamma, 0)
    try:
        copied = fold(copy.deepcopy(net).requires_grad_(False))
    except Exception as error:  # what a module may hold is without limit
        raise FerError(f"lrp needs a copy of the net: {error}") from error
    for module in copied.modules():
        if isinstance(module, CONVOLUTIONS):
            module.register_forward_hook(_GammaRule(gamma))
        elif isinstance(module, SpatialTransformer):
            module.localisation.register_forward_hook(lambda *given: given[-1].detach())
    asked = picture.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(copied(asked)[0, target], asked)
    return (gradient * picture)[0].sum(0)


class _GammaRule:
    """Lets the gradient through a convolution hand on relevance: its output stays what it is.

    Of an output z the part x w that pulls the way of z counts 1 + gamma times. With that sum in
    place of z as what is derived, and z / sum as a constant factor, gradient times activation is
    the rule; where z is above 0 the sum is no smaller, so nothing is divided by 0.
    """

    def __init__(self, gamma: float):
        self.gamma = gamma

    def __call__(self, layer: nn.Conv2d, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        x, weight, bias = inputs[0], layer.weight, layer.bias
        none = None if bias is None else torch.zeros_like(bias)
        up, down = x.clamp(min=0), x.clamp(max=0)

        def pull(low: float | None, high: float | None) -> Tensor:
            ours = weight.clamp(low, high)
            other = weight.clamp(None if high is None else 0.0, None if low is None else 0.0)
            shift = None if bias is None else bias.clamp(low, high)
            return layer._conv_forward(up, ours, shift) + layer._conv_forward(down, other, none)

        rising, falling = (output + self.gamma * pull(*side) for side in ((0, None), (None, 0)))
        derived = torch.where(output > 0, rising, falling)
        factor = torch.where(output == 0, 0, output / derived).detach()
        return derived * factor
