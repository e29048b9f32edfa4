"""Attribution: which pixels make the network say what it says, asked in thirteen ways.

All methods have one signature, `attribute(net, image, method)`, and answer with one map, one
number per pixel. The derivatives, Shapley values, LIME and ablations are captum's; what captum 0.9
has not, or not for such nets, is in `saliency.perturbations` (RISE), `saliency.gradients`
(Score-CAM) and `saliency.relevance` (LRP). What is explained is the logit of the target, the
score before the softmax, as is usual; occlusion and RISE explain its probability, as their papers
do.
`METHODS` says of each which it is, whether its sign has a meaning, and who invented it.
"""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import nan
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import Telling, check_array, check_names, choice, integer, spoken
from fer_utils._arguments import seed as check_seed
from fer_utils._progress import bar
from fer_utils.errors import FerError
from fer_utils.models.answers import (
    ask,
    check_differentiable,
    class_index,
    classes_of,
    evaluating,
    first_line,
)
from fer_utils.saliency.methods import METHODS, Task
from fer_utils.saliency.occlusion import on_device


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Telling):
    """A map that says how much each pixel matters for one class; its array is read-only.

    Attributes:
        map: float32 (H, W).
        signed: True where the sign has a meaning: above 0 for the target, below 0 against it.
            False where the map says only how much, not which way; it has no values below 0.
        method: an entry of `METHODS`.
        target: index of the class that is explained.
        classes: names of the K classes.
        clean: float32 (K,), the net's probabilities for the whole picture.
        options: what the method was asked for, its defaults included.
        details: what it found besides the map, by name.
        seconds: that the method took.
    """

    MEANT: ClassVar = {
        **dict.fromkeys(("show", "plot"), "plots.attribution(face, attribution)"),
        **dict.fromkeys(("heat", "values", "saliency"), "attribution.map"),
        "shape": "attribution.map.shape",
        "save": "plots.attribution(face, attribution).savefig(FILE)",
        "[]": "attribution.map",
    }

    map: np.ndarray
    signed: bool
    method: str
    target: int
    classes: tuple[str, ...]
    clean: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    seconds: float = nan

    def __post_init__(self) -> None:
        """Check the parts, and make the arrays read-only."""
        check_array("map", self.map, 2)
        check_array("clean", self.clean, 1)
        check_names("classes", self.classes)
        choice("method", self.method, METHODS)
        integer("target", self.target, 0, len(self.classes) - 1)
        self.map.flags.writeable = False
        self.clean.flags.writeable = False

    def __repr__(self) -> str:
        """Say on one line what is in the map."""
        height, width = self.map.shape
        kind = "signed" if self.signed else "unsigned"
        return f"Attribution({self.method} of {self.label}, {height}x{width}, {kind})"

    @property
    def label(self) -> str:
        """Name of the class that is explained."""
        return self.classes[self.target]

    @property
    def title(self) -> str:
        """The method's name, in words."""
        return METHODS[self.method].title


@spoken
def attribute(
    net: nn.Module,
    image: np.ndarray | Tensor,
    method: str = "integrated_gradients",
    target: int | str | None = None,
    seed: int = 0,
    *,
    progress: bool | None = None,
    **options: object,
) -> Attribution:
    """Return how much each pixel matters for what the network says of a picture.

    The network is used in evaluation mode and left as it was: its mode, hooks and gradients. The
    same seed gives the same map.

    Args:
        net: any module from pictures (1, C, H, W) in [0, 1] to logits (1, K). Class names are
            taken from `net.classes` where it has them.
        image: uint8, or float in [0, 1]; (H, W), (C, H, W), (1, C, H, W) or (H, W, C). The map
            of a colour picture is the largest absolute derivative over the colours where it has
            no sign, and their sum where it has one.
        method: an entry of `METHODS`.
        target: index or name of the class to explain; None takes the predicted one.
        seed: of noise, masks and orders.
        progress: show a bar; None shows one after a second.
        options: of the method. smooth_grad: samples, noise (standard deviation, as a share of
            the picture's range). integrated_gradients: steps. grad_cam, score_cam: layer (name of a
            convolution; None takes the last). lrp: gamma. part_ablation, shapley_parts, lime,
            kernel_shap: parts (H, W), a whole number per pixel that says which part it belongs to,
            as in `FaceSet.regions`, part_names, or without parts a grid of so many cells a side;
            all but the first: samples. rise: masks, cells, keep. occlusion: window, stride,
            engine, force. All that paint over the picture: fill, as in `saliency.occlusion`.

    Raises:
        FerError: an unknown method, option or class, a picture that cannot be used, or a net
            that the method does not suit; the message says why.
    """
    method = choice("method", method, METHODS)
    seed = check_seed(seed)
    chosen = METHODS[method]
    options = _with_defaults(method, options)
    with differentiating(net):
        picture = on_device(net, image)
        clean, classes = answer(net, picture)
        index = class_index(classes, clean, target)
        with _seeded(seed, picture.device), bar(None, "picture", progress) as told:
            start = perf_counter()
            try:
                attribution, details = chosen.compute(
                    Task(net, picture, index, seed, told, progress), **options
                )
            except RuntimeError as error:  # a net without derivatives, say, or out of memory
                check_differentiable(net)
                raise FerError(f"{method} does not suit this net: {first_line(error)}") from error
    values = attribution.detach().float().cpu().numpy().copy()
    seconds = perf_counter() - start
    if not np.isfinite(values).all():
        raise FerError(f"{method} gives numbers that are not finite: are the weights damaged?")
    signed = chosen.signed
    return Attribution(values, signed, method, index, classes, clean, options, details, seconds)


@contextmanager
def differentiating(net: nn.Module) -> Iterator[None]:
    """Put a net into evaluation mode, with derivatives switched on, and back into its own."""
    with (
        evaluating(net),
        torch.inference_mode(False),
        torch.enable_grad(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", module="captum")  # it warns of what it is asked to do
        yield


def answer(net: nn.Module, picture: Tensor) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the probabilities float32 (K,) for a picture, and the names of the classes.

    Raises:
        FerError: the net gives no finite logits (1, K), or has another number of class names.
    """
    with torch.no_grad():
        logits = ask(net, picture)[0]
    return logits.float().softmax(-1).cpu().numpy(), classes_of(net, len(logits))


def _with_defaults(method: str, given: dict[str, object]) -> dict[str, object]:
    """Return the method's options with defaults for those not given."""
    wanted = list(inspect.signature(METHODS[method].compute).parameters.values())[1:]
    defaults = {parameter.name: parameter.default for parameter in wanted}
    for name in given:
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise FerError(f"{method} has no option {name!r}; it has: {known}.")
    return {**defaults, **given}


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw torch's random numbers from a seed, and leave its generators as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
