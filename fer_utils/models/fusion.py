"""How the channels of a picture reach the network: concatenated or in parallel, warped or not.

Source: pandey2019, section IV and Tables I, II and IV. Concatenated, one network sees all channels.
In parallel, intensity, gradient and Laplacian each have a whole network of their own. The paper
says that the outputs of the streams "are combined and passed to a soft-max layer" without saying
how: here their logits are averaged, which adds no parameters. It does not describe the layers of
its spatial transformer either: here they are those of minaee2019.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.inputs import DERIVATIVES, derivatives
from fer_utils.models.layers import SpatialTransformer

FUSIONS = ("concat", "parallel")


class Parallel(nn.Module):
    """One network per kind of channel, side by side; their logits are averaged."""

    def __init__(self, streams: dict[str, nn.Module], widths: tuple[int, ...]):
        super().__init__()
        self.streams = nn.ModuleDict(streams)
        self.widths = widths

    def forward(self, channels: Tensor) -> Tensor:
        """Split (N, k, H, W) into the streams' channels and return logits (N, K)."""
        parts = torch.split(channels, list(self.widths), dim=1)
        logits = [net(part) for net, part in zip(self.streams.values(), parts, strict=True)]
        return torch.stack(logits).mean(0)


def stream_widths(inputs: str, color_channels: int = 1) -> dict[str, int]:
    """Return the kinds of channel and how many each has, in the order of `inputs.Channels`."""
    return {"gray": color_channels} | {kind: DERIVATIVES[kind] for kind in derivatives(inputs)}


def check_fusion(inputs: str, fusion: str) -> None:
    """Raise a FerError unless `inputs` can be fused like that."""
    if fusion not in FUSIONS:
        raise FerError(f"fusion={fusion!r}: choose one of {', '.join(FUSIONS)}.")
    if fusion == "parallel" and inputs == "gray":
        raise FerError(
            "fusion='parallel' needs something to run in parallel, and inputs='gray' is one stream "
            "only. Choose inputs with sobel, magnitude or laplacian, or fusion='concat'."
        )


def join(
    build: Callable[[int], nn.Module], inputs: str, color_channels: int, fusion: str, stl: bool
) -> nn.Module:
    """Return the trunk for all channels.

    Args:
        build: makes one network from its number of channels.
        inputs: an entry of `inputs.INPUTS`.
        color_channels: channels of intensity, 1 or 3.
        fusion: an entry of `FUSIONS`.
        stl: put a spatial transformer before each network.
    """
    widths = stream_widths(inputs, color_channels)
    if fusion == "concat":
        return _stream(build, sum(widths.values()), stl)
    streams = {kind: _stream(build, width, stl) for kind, width in widths.items()}
    return Parallel(streams, tuple(widths.values()))


def networks(trunk: nn.Module) -> dict[str, nn.Module]:
    """Return the networks inside a trunk, by their names in it: one, or one per stream."""
    if isinstance(trunk, Parallel):
        inside = {f"streams.{kind}": net for kind, net in trunk.streams.items()}
    else:
        inside = {"": trunk}
    warped = {name: "net" if hasattr(net, "stl") else "" for name, net in inside.items()}
    return {
        ".".join(part for part in (name, warped[name]) if part): net.get_submodule(warped[name])
        for name, net in inside.items()
    }


def _stream(build: Callable[[int], nn.Module], channels: int, stl: bool) -> nn.Module:
    if not stl:
        return build(channels)
    stream, transformer = nn.Sequential(), SpatialTransformer(channels)
    transformer.start_at_identity()
    stream.add_module("stl", transformer)
    stream.add_module("net", build(channels))
    return stream
