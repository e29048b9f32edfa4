"""What a network is made of: a table of its layers."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fer_utils.models.answers import evaluating
from fer_utils.models.counting import count
from fer_utils.models.facenet import FaceNet, facenet
from fer_utils.models.registry import create

if TYPE_CHECKING:
    import pandas

COLUMNS = ("layer", "kind", "output", "parameters", "MACs", "sees")
WINDOWED = ("conv2d", "max_pool2d", "avg_pool2d")
WHOLE = ("linear", "mean")
NEW_PICTURE = ("grid_sample", "interpolate")
ONE_PIXEL = (1, 1, 1)


def describe(net: FaceNet | str) -> "pandas.DataFrame":
    """Return a table of layers, for one picture.

    Columns: the layer's name and kind, its output shape, its parameters, its MACs
    (multiplications with an addition, of convolutions and fully connected layers), and what one
    of its outputs sees: the side of its receptive field in pixels of the net's input (it may be
    larger than the input: the rest is padding), or "all". Behind a spatial transformer it counts
    in pixels of the warped picture. `totals` sums it up.

    Args:
        net: a net, or an entry of `models.names()`, which is then built without memory.

    Raises:
        FerError: no such net, or one that takes pictures of any size.
    """
    import pandas  # takes a second, so only who wants a table waits for it

    rows = layers(built(net))
    for row in rows:
        row.update(output=" x ".join(map(str, row["output"])), sees=_side(row["sees"]))
    return pandas.DataFrame(rows, columns=list(COLUMNS)).set_index("layer").rename_axis(None)


def totals(net: FaceNet | str) -> str:
    """Return in words how many parameters a net has, and MACs for one picture."""
    net = built(net)
    macs = sum(row["MACs"] for row in layers(net))
    shape = " x ".join(map(str, net.input_shape))
    return (
        f"{count(net):,} trained parameters, {count(net, 'keras'):,} as Keras counts them; "
        f"{macs:,} MACs for an input of {shape}"
    )


def built(net: FaceNet | str) -> FaceNet:
    """Return a net as it is, or the one of that name, without memory."""
    if not isinstance(net, str):
        return net
    with torch.device("meta"):
        return create(net)


def layers(net: FaceNet) -> list[dict]:
    """Return a dict per layer, in the order of computation; its keys are `COLUMNS`.

    "output" is a tuple without the batch, "sees" a number of pixels, or None for everything.
    """
    facenet(net)
    rows: list[dict] = []
    hooks = []
    fields = ReceptiveFields()

    def note(name: str) -> Callable[[nn.Module, tuple, Tensor], None]:
        def hook(module: nn.Module, _: tuple, output: Tensor) -> None:
            row = {
                "layer": name,
                "kind": type(module).__name__,
                "output": _shape(output),
                "parameters": sum(p.numel() for p in module.parameters()),
                "MACs": multiplications(module, output),
                "sees": fields.of(_first(output)),
            }
            rows.append(row)

        return hook

    for name, module in net.trunk.named_modules():
        if not list(module.children()):
            hooks.append(module.register_forward_hook(note(name)))
    try:
        with evaluating(net, meta=True), torch.no_grad(), fields:
            net.trunk(_nothing(net))
    finally:
        for hook in hooks:
            hook.remove()
    return rows


def output_shapes(net: FaceNet, names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return what some modules of the trunk give for one picture, in the order of computation.

    Args:
        net: asked once, in evaluation mode, with a picture of zeros.
        names: of the modules, as in `net.trunk.named_modules()`.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    modules = dict(facenet(net).trunk.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda _, __, output, name=name: shapes.update({name: _shape(output)})
        )
        for name in names
    ]
    try:
        with evaluating(net, meta=True), torch.no_grad():
            net.trunk(_nothing(net))
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def _nothing(net: FaceNet) -> Tensor:
    """Return a picture of zeros as the trunk takes it, on its device (meta, where it is there)."""
    like = next(net.trunk.parameters(), torch.empty(0))
    return like.new_zeros(1, *net.input_shape)


def _first(output: object) -> Tensor | None:
    """Return what a layer gives, or the first tensor of it: some give several, or none."""
    return next(_tensors((output,)), None)


def _shape(output: object) -> tuple[int, ...]:
    first = _first(output)
    return () if first is None else tuple(first.shape[1:])


def multiplications(module: nn.Module, output: Tensor) -> int:
    """Return the MACs of a convolution or fully connected layer for one picture; else 0."""
    if isinstance(module, nn.Conv2d):
        per_output = module.in_channels // module.groups * math.prod(module.kernel_size)
    elif isinstance(module, nn.Linear):
        per_output = module.in_features
    else:
        return 0
    return per_output * math.prod(output.shape[1:])


class ReceptiveFields(TorchFunctionMode):
    """Follows a computation and keeps, for each tensor, the side of what one element sees.

    A window of k with a jump of j pixels between neighbours adds (k - 1) j pixels; a stride
    multiplies the jump. Where paths join, the larger field counts.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Run the function, and note what its output sees."""
        kwargs = kwargs or {}
        output = function(*args, **kwargs)
        name = getattr(function, "__name__", "")
        # Torch lets a tensor carry further attributes; a function mode sees every call, so none
        # that makes a tensor can forget to hand on what it sees.
        before = [tensor.seen for tensor in _tensors(args) if hasattr(tensor, "seen")]
        if name in NEW_PICTURE or not before:
            seen = ONE_PIXEL
        else:
            seen = _widen(name, args, kwargs, before)
        for tensor in _tensors((output,)):
            tensor.seen = seen  # type: ignore[attr-defined]  # ours, see above
        return output

    def of(self, tensor: Tensor | None) -> int | None:
        """Return the side of the field of one element of a tensor; None where it is everything."""
        side = max(getattr(tensor, "seen", ONE_PIXEL)[:2])
        return None if math.isinf(side) else int(side)


def _tensors(values: tuple | list) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def _widen(name: str, args: tuple, kwargs: dict, before: list[tuple]) -> tuple:
    height, width, jump = (max(sides) for sides in zip(*before, strict=True))
    if name in WHOLE:
        return math.inf, math.inf, jump
    if name not in WINDOWED:
        return height, width, jump
    # Neighbours on this map look at places `jump` pixels apart, so a window of k of them sees
    # k - 1 jumps more than one of them does
    kernel, stride = _window(name, args, kwargs)
    return height + (kernel[0] - 1) * jump, width + (kernel[1] - 1) * jump, jump * stride


def _window(name: str, args: tuple, kwargs: dict) -> tuple[tuple[int, int], int]:
    if name == "conv2d":
        stride = args[3] if len(args) > 3 else kwargs.get("stride", 1)
        rows, columns = args[1].shape[-2:]
        return (rows, columns), _pair(stride)[0]
    kernel = args[1] if len(args) > 1 else kwargs["kernel_size"]
    stride = args[2] if len(args) > 2 else kwargs.get("stride")
    return _pair(kernel), _pair(kernel if stride is None else stride)[0]


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _side(sees: int | tuple[int, int] | None) -> str:
    if sees is None:
        return "all"
    return " x ".join(map(str, sees)) if isinstance(sees, tuple) else f"{sees:,}"
