"""Grad-CAM: where the last convolution sees what the class asks for.

Source: Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based
localization" (2017); the computation is captum's. Two things are added for the nets here. Where
streams run in parallel, their maps are added, since their logits are averaged. Where a spatial
transformer has warped the picture, the map is warped back onto it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.models.fusion import Parallel
from fer_utils.models.layers import SpatialTransformer

FLAT = 1e-6  # area of the crop, as a share of the picture


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

    size = tuple(picture.shape[-2:])
    total = picture.new_zeros(size)
    names = _last_convolutions(net, picture) if layer is None else [layer]
    modules = dict(net.named_modules())
    for name in names:
        if not isinstance(modules.get(name), nn.Conv2d):
            convolutions = [n for n, m in modules.items() if isinstance(m, nn.Conv2d)]
            raise FerError(f"layer={name!r} is no convolution.{nearest(name, convolutions)}")
        found = LayerGradCam(net, modules[name]).attribute(picture, target=target)
        found = F.interpolate(found.detach(), size, mode="bilinear", align_corners=False)
        total += _warped_back(net, picture, modules[name], found)[0, 0]
    return total.relu(), {"layer": ", ".join(names)}


def _last_convolutions(net: nn.Module, picture: Tensor) -> list[str]:
    """Return the name of the convolution that runs last in each stream."""
    ran: list[nn.Module] = []

    def note(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        if output.ndim == 4 and output.shape[-2:].numel() > 1:
            ran.append(module)

    _run_hooked(net, picture, {m: note for m in net.modules() if isinstance(m, nn.Conv2d)})
    names = {module: name for name, module in net.named_modules()}
    found = []
    for stream in _streams(net):
        inside = set(stream.modules())
        own = [module for module in ran if module in inside]
        if not own:
            raise FerError(
                "grad_cam does not suit this net: it has no nn.Conv2d whose output has more than "
                "one position. Take integrated_gradients or occlusion."
            )
        found.append(names[own[-1]])
    return found


def _streams(net: nn.Module) -> list[nn.Module]:
    together = next((m for m in net.modules() if isinstance(m, Parallel)), None)
    return [net] if together is None else list(together.streams.values())


def _warped_back(net: nn.Module, picture: Tensor, layer: nn.Module, found: Tensor) -> Tensor:
    """Undo the warps that the spatial transformers before a layer have applied."""
    reached, warps = [], []

    def note_warp(module: SpatialTransformer, inputs: tuple, output: Tensor) -> None:
        if not reached:
            warps.append(module.theta(inputs[0]))

    scope = next((stream for stream in _streams(net) if layer in set(stream.modules())), net)
    hooks = {m: note_warp for m in scope.modules() if isinstance(m, SpatialTransformer)}
    _run_hooked(net, picture, {**hooks, layer: lambda *_: reached.append(True)})
    for theta in reversed(warps):
        turn, shift = theta[:, :, :2], theta[:, :, 2:]
        if turn.det().abs() < FLAT:
            raise FerError("grad_cam: the net's spatial transformer has squashed the picture flat.")
        back = torch.linalg.inv(turn)
        grid = F.affine_grid(
            torch.cat((back, -back @ shift), 2), list(found.shape), align_corners=False
        )
        found = F.grid_sample(found, grid, align_corners=False)
    return found


def _run_hooked(net: nn.Module, picture: Tensor, hooks: dict[nn.Module, Callable]) -> None:
    handles = [module.register_forward_hook(hook) for module, hook in hooks.items()]
    try:
        with torch.no_grad():
            net(picture)
    finally:
        for handle in handles:
            handle.remove()
