"""Networks by name: what there is, and how to build it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from fer_utils import papers
from fer_utils._arguments import check_path, integer, number, shown, spoken
from fer_utils._arguments import seed as check_seed
from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.inputs import channel_count
from fer_utils.models import backbones, vgg
from fer_utils.models.answers import float32_by_default
from fer_utils.models.bottleneck import bottleneck_065m
from fer_utils.models.deep_emotion import SIDE, deep_emotion
from fer_utils.models.facenet import LARGEST_INPUT, MOST_CLASSES, FaceNet, class_names
from fer_utils.models.fusion import check_fusion, join
from fer_utils.models.inception_resnet_v2 import inception_resnet_v2
from fer_utils.models.mini_xception import mini_xception
from fer_utils.models.scaling import IMAGENET, SYMMETRIC, VGG_FACE, Scaling
from fer_utils.models.small_resnet import STAGES, small_resnet


@dataclass(frozen=True)
class Architecture:
    """How to build a trunk, and what it accepts.

    Attributes:
        build: makes the trunk from channels, classes, size (and variant or width, where it has
            them).
        input_size: the paper's; `smallest` is the least it can take.
        paper: key of the paper, also of its training recipe; the kit's own net has a recipe only.
        convention: how that paper counts parameters, an entry of `counting.CONVENTIONS`.
        color_channels: 3 where the paper's net sees RGB.
        fixed: takes no other size than its own.
        scaling: of the channels, last thing before the trunk.
        variants: names of its variants, the default first.
        widths: its filters can be multiplied by a factor.
    """

    build: Callable[..., nn.Module]
    input_size: int
    smallest: int
    paper: str
    convention: str = "torch"
    color_channels: int = 1
    fixed: bool = False
    scaling: Scaling = SYMMETRIC
    variants: tuple[str, ...] = ()
    widths: bool = False


ARCHITECTURES = {
    "bottleneck_065m": Architecture(
        bottleneck_065m, 64, 16, "pandey2019", "no batch norm", widths=True
    ),
    "custom_kdef": Architecture(vgg.custom_kdef, 224, 16, "borgalli2022", color_channels=3),
    "deep_emotion": Architecture(deep_emotion, SIDE, SIDE, "minaee2019", fixed=True),
    "inception_resnet_v2": Architecture(
        inception_resnet_v2, 224, 75, "borgalli2022", "keras", color_channels=3, widths=True
    ),
    "light_vgg": Architecture(vgg.light_vgg, 100, 16, "borgalli2022", color_channels=3),
    "mini_xception": Architecture(
        mini_xception, 48, 16, "alessi2019", "keras", variants=("arriaga", "alessi2019")
    ),
    "small_resnet": Architecture(small_resnet, 48, 16, "small_resnet", variants=tuple(STAGES)),
    "vgg13": Architecture(vgg.vgg13, 64, 16, "pandey2019"),
    "vgg16_gap": Architecture(
        vgg.vgg16_gap, 224, 32, "borgalli2022", color_channels=3, scaling=IMAGENET, widths=True
    ),
    "vgg_face": Architecture(
        vgg.vgg_face, 224, 32, "mazen2021", color_channels=3, scaling=VGG_FACE
    ),
}


def names() -> list[str]:
    """Return the names that `create` knows."""
    return sorted(ARCHITECTURES)


@float32_by_default()
@spoken
def create(
    name: str,
    num_classes: int = 7,
    inputs: str = "gray",
    input_size: int | None = None,
    classes: tuple[str, ...] | None = None,
    seed: int | None = None,
    *,
    fusion: str | None = "concat",
    stl: bool = False,
    variant: str | None = None,
    width: float = 1.0,
    base_weights: str | Path | None = None,
) -> FaceNet:
    """Build an untrained network.

    Under `with torch.device("meta"):` it takes no memory, which is enough for counting.

    Args:
        name: an entry of `names()`.
        num_classes: 7 (FER2013) or 8 (with contempt) get their names by themselves.
        inputs: an entry of `inputs.INPUTS`; for nets that see colour, "gray" is their RGB.
        input_size: side in pixels to which pictures are resized; None takes the paper's.
        classes: names of the outputs; sets `num_classes`.
        seed: makes the first weights reproducible without touching torch's own generator.
        fusion: "concat" (or None): one network sees all channels; "parallel": one for each of
            intensity, gradient and Laplacian (pandey2019).
        stl: put a spatial transformer before each network.
        variant: of mini_xception, "arriaga" (default) or "alessi2019"; of small_resnet, "narrow"
            (default), "wide" or "deep"; None for the others.
        width: of bottleneck_065m, vgg16_gap and inception_resnet_v2: factor on the filters, each
            then rounded to the nearest whole number, from 0.1 to 4. With 0.7 the two nets of a
            parallel bottleneck_065m (gray+laplacian or gray+sobel) have 0.65 million parameters
            together.
        base_weights: for the convolutional base of vgg16_gap, vgg_face or inception_resnet_v2:
            a .safetensors file, or "imagenet" (vgg16_gap), fetched through torchvision; see
            `backbones.load_backbone`.

    Raises:
        FerError: an unknown name or inputs, a size the architecture cannot take, a combination
            that makes no sense, or weights that do not fit.
    """
    known = _pick(name)
    classes = _check_classes(num_classes, classes)
    size = _check_size(name, known, known.input_size if input_size is None else input_size)
    fusion = fusion or "concat"
    channel_count(inputs)  # refuses unknown inputs
    check_fusion(inputs, fusion)
    if not isinstance(stl, bool):
        raise FerError(f"stl={shown(stl)}: give True or False.")
    seed = None if seed is None else check_seed(seed)
    options = {"fusion": fusion, "stl": stl}
    own: dict[str, str | float] = {}
    if known.variants or variant is not None:
        own["variant"] = _check_variant(name, known, variant)
    if not isinstance(width, int | float) or isinstance(width, bool) or width != 1:
        own["width"] = _check_width(name, known, width)
    if base_weights is not None:
        check_path("base_weights", base_weights)
        backbones.check_backbone(name, inputs, base_weights)

    def build(channels: int) -> nn.Module:
        return known.build(channels, len(classes), size, **own)

    # inside, the seed decides; outside, torch's generator goes on as if nothing had been drawn
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        trunk = join(build, inputs, known.color_channels, fusion, stl)
    net = FaceNet(
        name,
        trunk,
        classes,
        inputs,
        size,
        color_channels=known.color_channels,
        scaling=known.scaling,
        options={**options, **own},
    )
    if base_weights is not None:
        backbones.load_backbone(net, base_weights)
    return net


def from_claim(key: str, seed: int | None = None) -> FaceNet:
    """Build the network behind a published number, untrained.

    Args:
        key: paper, table and row, as in `papers.CLAIMS`: "pandey2019:I:STL + RTNN".
        seed: see `create`.

    Raises:
        FerError: no such row (the message names the nearest), or a row without a network.
    """
    row = papers.claim(key)
    if not row.experiment:
        raise FerError(f"{row.key!r} has no network to build: {row.comparable}.")
    return create(**row.experiment, seed=seed)


def paper(name: str) -> str:
    """Return the key of the paper an architecture comes from; also its recipe's name."""
    return _pick(name).paper


def variant_of(name: str, paper: str) -> str | None:
    """Return the variant of an architecture that is a paper's own; None where it has none.

    mini_xception has one: alessi2019's.
    """
    return paper if paper in _pick(name).variants else None


def _pick(name: str) -> Architecture:
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise FerError(f"no architecture called {shown(name)}.{nearest(name, names())}")
    return ARCHITECTURES[name]


def _check_classes(count: object, given: object) -> tuple[str, ...]:
    if given is None:
        return class_names(integer("num_classes", count, 2, MOST_CLASSES))
    if isinstance(given, int):
        raise FerError(f"classes={given!r}: for a number of classes write num_classes={given!r}.")
    return class_names(given)


def _check_size(name: str, known: Architecture, size: object) -> int:
    size = integer("input_size", size)
    if known.fixed and size != known.input_size:
        raise FerError(
            f"{name} takes {known.input_size}x{known.input_size} only (its last layers are fully "
            f"connected), not {size}. Pictures of any size are resized to it by the net itself."
        )
    if size < known.smallest:
        raise FerError(f"{name} needs input_size of {known.smallest} or more, not {size}.")
    return integer("input_size", size, known.smallest, LARGEST_INPUT)


def _check_variant(name: str, known: Architecture, variant: str | None) -> str:
    if not known.variants:
        raise FerError(f"{name} has no variants; leave variant={variant!r} out.")
    variant = known.variants[0] if variant is None else variant
    if variant not in known.variants:
        raise FerError(f"{name} has no variant {variant!r}.{nearest(variant, known.variants)}")
    return variant


def _check_width(name: str, known: Architecture, width: float) -> float:
    if not known.widths:
        able = ", ".join(name for name in names() if ARCHITECTURES[name].widths)
        raise FerError(f"{name} has one width only; leave width={width!r} out, or take {able}.")
    return number("width", width, 0.1, 4)
