"""Networks by name: build, count, describe, save and load them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as tensors_to_bytes
from torch import nn

from fer_utils.emotions import FER7, FER8, nearest
from fer_utils.errors import FerError
from fer_utils.files import write
from fer_utils.inputs import channel_count
from fer_utils.models.deep_emotion import SIDE, deep_emotion
from fer_utils.models.facenet import FaceNet
from fer_utils.models.mini_xception import mini_xception


@dataclass(frozen=True)
class Architecture:
    """How to build a trunk, and the sizes it accepts."""

    build: Callable[[int, int], nn.Module]
    input_size: int
    smallest: int
    fixed: bool
    paper: str


ARCHITECTURES = {
    "deep_emotion": Architecture(deep_emotion, SIDE, SIDE, True, "minaee2019"),
    "mini_xception": Architecture(mini_xception, 48, 16, False, "alessi2019"),
}


def names() -> list[str]:
    """Return the names that `create` knows."""
    return sorted(ARCHITECTURES)


def create(
    name: str,
    num_classes: int = 7,
    inputs: str = "gray",
    input_size: int | None = None,
    classes: tuple[str, ...] | None = None,
    seed: int | None = None,
) -> FaceNet:
    """Build an untrained network.

    Args:
        name: an entry of `names()`.
        num_classes: 7 (FER2013) or 8 (with contempt) get their names by themselves.
        inputs: an entry of `inputs.INPUTS`.
        input_size: side in pixels to which pictures are resized; None takes the paper's.
        classes: names of the outputs; sets `num_classes`.
        seed: makes the first weights reproducible without touching torch's own generator.

    Raises:
        FerError: an unknown name or inputs, or a size the architecture cannot take.
    """
    known = _pick(name)
    classes = _class_names(num_classes, classes)
    size = known.input_size if input_size is None else input_size
    if known.fixed and size != known.input_size:
        raise FerError(
            f"{name} takes {known.input_size}x{known.input_size} only (its last layers are fully "
            f"connected), not {size}. Pictures of any size are resized to it by the net itself."
        )
    if size < known.smallest:
        raise FerError(f"{name} needs input_size of {known.smallest} or more, not {size}.")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        trunk = known.build(channel_count(inputs), len(classes))
    return FaceNet(name, trunk, classes, inputs, size)


def count(net: nn.Module, convention: str = "torch") -> int:
    """Return the number of parameters.

    Args:
        net: any module.
        convention: "torch" counts what is trained; "keras" adds the running mean and
            variance of batch norm, as Keras's summary does; "paper" is the convention of the
            net's own paper, which for the two nets here is Keras's for mini-Xception and
            torch's for Deep-Emotion.

    Raises:
        FerError: another convention, or "paper" for a net that is not from `create`.
    """
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    running = sum(
        b.numel() for key, b in net.named_buffers() if key.endswith(("running_mean", "running_var"))
    )
    if convention == "paper":
        architecture = getattr(net, "name", None)
        if architecture not in ARCHITECTURES:
            raise FerError("only a net from models.create has a paper's convention to count by.")
        convention = "keras" if architecture == "mini_xception" else "torch"
    totals = {"torch": trained, "keras": trained + running}
    if convention not in totals:
        raise FerError(f"convention={convention!r}: choose torch, keras or paper.")
    return totals[convention]


def describe(net: FaceNet) -> str:
    """Return a table of layers: name, kind, output shape for one picture, parameters."""
    rows: list[tuple[str, str, str, str]] = []
    hooks = []

    def note(name: str) -> Callable:
        def hook(module: nn.Module, _, output: torch.Tensor) -> None:
            parameters = sum(p.numel() for p in module.parameters())
            shape = " x ".join(str(side) for side in output.shape[1:])
            rows.append((name, type(module).__name__, shape, f"{parameters:,}"))

        return hook

    for name, module in net.trunk.named_modules():
        if not list(module.children()):
            hooks.append(module.register_forward_hook(note(name)))
    training = net.training
    device = next(net.parameters()).device
    try:
        with torch.inference_mode():
            net.eval()(torch.zeros(1, 1, net.input_size, net.input_size, device=device))
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    rows = [("layer", "kind", "output", "parameters"), *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in rows
    ]
    total = f"{count(net):,} trained parameters, {count(net, 'keras'):,} as Keras counts them"
    return "\n".join([*lines, total])


def save(net: FaceNet, path: str | Path, card: dict | None = None) -> dict:
    """Write `path` (safetensors) and its card beside it (.json), each in one step.

    The card gains the net's configuration, its parameter count and the file's SHA-256.
    Returns the card as written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.detach().cpu().contiguous() for key, value in net.state_dict().items()}
    content = tensors_to_bytes(tensors)
    card = {
        **(card or {}),
        "net": net.config,
        "parameters": count(net),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    write(path, content)
    write(path.with_suffix(".json"), json.dumps(card, indent=2) + "\n")
    return card


def load_file(path: str | Path) -> FaceNet:
    """Return the net saved at `path` by `save`, in evaluation mode.

    Raises:
        FerError: no file or card there, a changed file, or weights that do not fit.
    """
    path = Path(path)
    card_path = path.with_suffix(".json")
    for needed in (path, card_path):
        if not needed.is_file():
            raise FerError(f"{needed} is missing: weights are NAME.safetensors with NAME.json.")
    card = json.loads(card_path.read_text())
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise FerError(f"{path} is not the file its card describes (SHA-256). Fetch it again.")
    config = dict(card["net"])
    net = create(config.pop("name"), **{**config, "classes": tuple(config["classes"])})
    try:
        net.load_state_dict(load_tensors(path))
    except RuntimeError as error:
        raise FerError(f"the weights in {path} do not fit its card: {error}") from error
    return net.eval()


def pretrained_names() -> list[str]:
    """Return the names of the weights that come with the kit."""
    return sorted(p.stem for p in _weights_folder().glob("*.safetensors"))


def pretrained(name: str) -> FaceNet:
    """Return a trained network, in evaluation mode, by an entry of `pretrained_names()`.

    Raises:
        FerError: no such weights (the message lists those there are), or a damaged file.
    """
    if name not in pretrained_names():
        raise FerError(f"no weights called {name!r}.{nearest(name, pretrained_names())}")
    return load_file(_weights_folder() / f"{name}.safetensors")


def load(name: str | Path) -> FaceNet:
    """Return a trained net by an entry of `pretrained_names()`, or by a .safetensors file's path.

    Raises:
        FerError: neither; see `pretrained` and `load_file`.
    """
    is_file = str(name).endswith(".safetensors") or Path(name).exists()
    return load_file(name) if is_file else pretrained(str(name))


def card(name: str) -> dict:
    """Return the model card of an entry of `pretrained_names()`: data, recipe, scores, command.

    Raises:
        FerError: no such weights.
    """
    path = _weights_folder() / f"{name}.json"
    if not path.is_file():
        raise FerError(f"no card for {name!r}.{nearest(name, pretrained_names())}")
    return json.loads(path.read_text())


def paper(name: str) -> str:
    """Return the key of the paper an architecture comes from; also its recipe's name."""
    return _pick(name).paper


def _weights_folder() -> Path:
    return Path(str(resources.files("fer_utils") / "weights"))


def _pick(name: str) -> Architecture:
    if name not in ARCHITECTURES:
        raise FerError(f"no architecture called {name!r}.{nearest(name, names())}")
    return ARCHITECTURES[name]


def _class_names(num_classes: int, classes: tuple[str, ...] | None) -> tuple[str, ...]:
    if classes is not None:
        return tuple(classes)
    named = {7: FER7, 8: FER8}
    return named.get(num_classes, tuple(f"class {i}" for i in range(num_classes)))
