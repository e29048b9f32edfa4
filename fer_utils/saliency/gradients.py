"""What Grad-CAM, Score-CAM and guided backpropagation need to know of a net's layers.

Grad-CAM (Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based
localization", 2017) asks where the last convolution sees what the class wants; the computation is
captum's. Two things are added for the nets here. Where streams run in parallel, their maps are
added, since their logits are averaged. Where a spatial transformer has warped the picture, the map
is warped back onto it. Score-CAM (Wang et al., "Score-CAM: score-weighted visual explanations for
convolutional neural networks", 2020) weighs the same maps by what the net says of the picture seen
through each; captum 0.9 does not have it.

Guided backpropagation changes how a net's ReLUs hand gradients on. captum hooks modules of type
`nn.ReLU`. A net that rectifies by a function, or has no ReLU at all, would give the plain gradient,
or a mixture, without a word; here it is refused.
"""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.models.answers import ask
from fer_utils.models.fusion import Parallel
from fer_utils.models.layers import SpatialTransformer

FLAT = 1e-6  # area of the crop, as a share of the picture

RECTIFIERS = {
    *(F.relu, F.relu6, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
    *(F.leaky_relu, F.gelu, F.silu, F.elu, F.hardtanh),
}


def grad_cam(
    net: nn.Module, picture: Tensor, target: int, layer: str | None = None
) -> tuple[Tensor, dict[str, object]]:
    """Return the map, (H, W) and nowhere below 0, and {"layer": the convolutions' names}.

    The map of a layer is enlarged to the picture's size, as if the layer saw all of it evenly.

    Args:
        net: from pictures to logits, in evaluation mode.
        picture: (1, C, H, W).
        target: index of the class.
        layer: name of a convolution in the net; None takes the last one (of each stream) whose
            output has more than one position.

    Raises:
        FerError: no such layer or none that will do.
    """
    from captum.attr import LayerGradCam  # a second: only who asks for it waits

    def weighted(module: nn.Module) -> Tensor:
        coarse = LayerGradCam(net, module).attribute(picture, target=target).detach()
        return _on_picture(net, picture, module, coarse)

    return _added(net, picture, layer, weighted)


def score_cam(
    net: nn.Module,
    picture: Tensor,
    target: int,
    layer: str | None = None,
    chunk: int = 64,
    told: Callable[[int], object] = int,
) -> tuple[Tensor, dict[str, object]]:
    """Return the map and the layers; arguments and errors as for `grad_cam`.

    Each channel of the layer, enlarged and stretched to run from 0 to 1, is laid over the picture
    as a mask; its weight is the softmax, over the channels, of the target's logits (the paper's
    algorithm 1). `chunk` is the number of masked pictures per forward pass, and `told` is called
    with it after each.
    """

    def weighted(module: nn.Module) -> Tensor:
        seen: list[Tensor] = []
        run_hooked(net, picture, {module: lambda *given: seen.append(given[-1].clone())})
        channels = _on_picture(net, picture, module, seen[-1])
        least, most = channels.amin((2, 3), True), channels.amax((2, 3), True)
        span = torch.where(most > least, most - least, 1)
        masks = ((channels - least) / span).transpose(0, 1)
        with torch.no_grad():
            parts = []
            for part in masks.split(chunk):
                parts.append(ask(net, picture * part)[:, target])
                told(len(part))
        weights = torch.cat(parts).softmax(0)
        return (weights[:, None, None] * channels[0]).sum(0)[None, None]

    return _added(net, picture, layer, weighted)


def _added(
    net: nn.Module, picture: Tensor, layer: str | None, weighted: Callable[[nn.Module], Tensor]
) -> tuple[Tensor, dict[str, object]]:
    """Add up the layers' maps, (1, 1, H, W) each, and leave out what is below 0."""
    total = picture.new_zeros(tuple(picture.shape[-2:]))
    names = _last_convolutions(net, picture) if layer is None else [layer]
    modules = dict(net.named_modules())
    for name in names:
        if not isinstance(name, str) or not isinstance(modules.get(name), nn.Conv2d):
            convolutions = [n for n, m in modules.items() if isinstance(m, nn.Conv2d)]
            raise FerError(f"layer={name!r} is no convolution.{nearest(name, convolutions)}")
        total += weighted(modules[name])[0, 0]
    return total.relu(), {"layer": ", ".join(names)}


def _on_picture(net: nn.Module, picture: Tensor, layer: nn.Module, coarse: Tensor) -> Tensor:
    """Enlarge a layer's maps (1, K, h, w) to the picture's size, and undo the warps before it."""
    size = list(picture.shape[-2:])
    heat = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return _warped_back(net, picture, layer, heat)


def _last_convolutions(net: nn.Module, picture: Tensor) -> list[str]:
    """Return the name of the convolution that runs last in each stream."""
    ran: list[nn.Module] = []

    def note(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        if output.ndim == 4 and output.shape[-2:].numel() > 1:
            ran.append(module)

    run_hooked(net, picture, {m: note for m in net.modules() if isinstance(m, nn.Conv2d)})
    names = {module: name for name, module in net.named_modules()}
    last = []
    for stream in _streams(net):
        inside = set(stream.modules())
        own = [module for module in ran if module in inside]
        if not own:
            raise FerError(
                "the method does not suit this net: it has no nn.Conv2d whose output has more than "
                "one position. Take integrated_gradients or occlusion."
            )
        last.append(names[own[-1]])
    return last


def _streams(net: nn.Module) -> list[nn.Module]:
    together = next((m for m in net.modules() if isinstance(m, Parallel)), None)
    return [net] if together is None else list(together.streams.values())


def _warped_back(net: nn.Module, picture: Tensor, layer: nn.Module, heat: Tensor) -> Tensor:
    """Undo the warps that the spatial transformers before a layer have applied."""
    reached: list[bool] = []
    warps: list[Tensor] = []

    def note_warp(module: SpatialTransformer, inputs: tuple, output: Tensor) -> None:
        if not reached:
            warps.append(module.theta(inputs[0]))

    scope = next((stream for stream in _streams(net) if layer in set(stream.modules())), net)
    hooks: dict[nn.Module, Callable] = {layer: lambda *_: reached.append(True)}
    hooks |= {m: note_warp for m in scope.modules() if isinstance(m, SpatialTransformer)}
    run_hooked(net, picture, hooks)
    # Each warp asked, for a place of its output, where in its input to look: p -> turn p + shift.
    # The map lies in the last output; to bring it back, ask the inverse, the last warp first.
    for theta in reversed(warps):
        turn, shift = theta[:, :, :2], theta[:, :, 2:]
        if turn.det().abs() < FLAT:
            raise FerError("the net's spatial transformer has squashed the picture flat.")
        back = torch.linalg.inv(turn)
        grid = F.affine_grid(
            torch.cat((back, -back @ shift), 2), list(heat.shape), align_corners=False
        )
        heat = F.grid_sample(heat, grid, align_corners=False)
    return heat


def run_hooked(net: nn.Module, picture: Tensor, hooks: dict[nn.Module, Callable]) -> None:
    """Run a net on a picture with forward hooks, and take them off whatever happens."""
    handles = [module.register_forward_hook(hook) for module, hook in hooks.items()]
    try:
        with torch.no_grad():
            net(picture)
    finally:
        for handle in handles:
            handle.remove()


class _Counting(TorchFunctionMode):
    """Counts the calls of rectifying functions, those by modules included."""

    calls = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.calls += function in RECTIFIERS
        return function(*args, **(kwargs or {}))


def guided_copy(net: nn.Module, picture: Tensor) -> nn.Module:
    """Return a copy of the net that captum's `GuidedBackprop` handles rightly.

    ReLUs no longer work in place. A ReLU6 gets a ReLU before it, which changes no output.

    Raises:
        FerError: the net has no `nn.ReLU`, rectifies otherwise as well, or cannot be copied.
    """
    try:
        copied = copy.deepcopy(net).requires_grad_(False)
    except Exception as error:  # what a module may hold is without limit
        raise FerError(f"guided_backprop needs a copy of the net: {error}") from error
    for name, module in list(copied.named_modules()):
        if isinstance(module, nn.ReLU):
            module.inplace = False
        elif isinstance(module, nn.ReLU6):
            copied.set_submodule(name, nn.Sequential(nn.ReLU(), nn.ReLU6()))
    _check_rectifiers(copied, picture)
    return copied


def _check_rectifiers(net: nn.Module, picture: Tensor) -> None:
    used: list[int] = []
    rectifiers = [module for module in net.modules() if isinstance(module, nn.ReLU | nn.ReLU6)]
    # every rectifier is a function in the end: those that no module accounts for escape captum
    with _Counting() as counting:
        run_hooked(net, picture, dict.fromkeys(rectifiers, lambda *_: used.append(1)))
    other = counting.calls - len(used)
    if other:
        raise FerError(
            f"guided_backprop does not suit this net: {other} of its {counting.calls} rectifiers "
            "are functions or of another kind (x.relu(), GELU, ...), and the method can change the "
            "gradients of nn.ReLU only. Take gradient or integrated_gradients."
        )
    if not used:
        raise FerError(
            "guided_backprop does not suit this net: it has no nn.ReLU, whose gradients the "
            "method changes. Take gradient or integrated_gradients."
        )
