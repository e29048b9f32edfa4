"""A trained pair of generators: translate, save, load, and the pairs that come with the kit."""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import check_array, check_names, check_path, choice, number, shown
from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.files import check_card, make_folder, seal_card, write
from fer_utils.translate.networks import KINDS, alone
from fer_utils.translate.settings import GENERATORS, RANGES, SIDES

WEIGHTS = "model.safetensors"
#: Pictures that go through a generator at a time.
CHUNK = 64
_NEEDED = {"classes": list, "net": dict, "size": int, "sha256": str}
_MEANS = ("classes", "net", "size")


class Pair:
    """Two generators, from one expression to another and back.

    Attributes:
        classes: (first, second).
        size: side in pixels of the pictures they learned from.
        card: what is said of them: data, settings, steps, scores, command.
        generators: class -> the generator that draws it, as trained.
        history: of the training it comes from: "step" and the terms of the losses -> values.
    """

    def __init__(
        self,
        classes: tuple[str, str],
        size: int,
        generators: Mapping[str, nn.Module],
        card: Mapping[str, Any],
    ):
        check_classes(classes)
        SIDES.check("size", size)
        fits = isinstance(generators, Mapping) and set(generators) == set(classes)
        if not fits or not all(isinstance(net, nn.Module) for net in generators.values()):
            raise FerError(f"generators={shown(generators)}: expected one for each of the classes.")
        if not isinstance(card, Mapping) or not isinstance(card.get("net"), Mapping):
            raise FerError(
                f"card={shown(card)}: expected what is said of the pair, with its 'net'."
            )
        self.classes, self.size = tuple(classes), size
        self.generators, self.card = dict(generators), dict(card)
        self.history: dict[str, list] = {}

    @property
    def channels(self) -> int:
        """1 for grey pictures, 3 for colour."""
        return self.card["net"]["channels"]

    def __repr__(self) -> str:
        """E.g. `Pair of generators: neutral <-> disgust, change, 48 x 48`."""
        first, second = self.classes
        kind = self.card["net"]["generator"]
        return f"Pair of generators: {first} <-> {second}, {kind}, {self.size} x {self.size}"

    def apply(
        self, images: np.ndarray, to: str | None = None, *, strength: float = 1.0
    ) -> np.ndarray:
        """Return pictures as they would look with one of the two expressions.

        Every picture is normed by itself, as in training. A generator with batch norm that has
        learned from one picture at a time must not be used in torch's `eval()`: there it would
        norm by the mean and variance of all training pictures, which it never worked with, and
        the pictures fall apart.

        Args:
            images: uint8 (N, C, H, W), of the size and colour of the training's.
            to: the class to draw; the second unless named.
            strength: 0 leaves the picture, 1 translates it; in between a mixture of the two.

        Raises:
            FerError: other pictures, or no such class.
        """
        to = self.classes[1] if to is None else choice("to", to, self.classes)
        strength = number("strength", strength, 0, 1.5)
        check_array("images", images, 4, kinds="u")
        self._check_shape(images)
        net = alone(self.generators[to])
        device = next(net.parameters()).device
        results = [np.zeros((0, *images.shape[1:]), np.uint8)]
        with torch.inference_mode():
            for start in range(0, len(images), CHUNK):
                chunk = torch.from_numpy(np.array(images[start : start + CHUNK])).to(device)
                before = as_input(chunk)
                results.append(as_images(before + strength * (net(before) - before)))
        return np.concatenate(results)

    def _check_shape(self, images: np.ndarray) -> None:
        if images.dtype != np.uint8:
            raise FerError(f"images are {images.dtype}: expected uint8, 0 to 255.")
        channels, height, width = images.shape[1:]
        if channels != self.channels:
            kinds = {1: "grey", 3: "in colour"}
            raise FerError(
                f"the pictures are {kinds.get(channels, f'of {channels} channels')}, and this pair "
                f"of generators has learned from pictures that are {kinds[self.channels]}."
            )
        if (height, width) != (self.size, self.size):
            raise FerError(
                f"the pictures are {height} x {width} pixels, and this pair of generators has "
                f"learned from {self.size} x {self.size}: bring them to that size first."
            )

    def save(
        self, path: str | Path, card: Mapping[str, Any] | None = None, *, half: bool = False
    ) -> dict:
        """Write `path` (safetensors) and its card beside it (.json); return the card.

        Args:
            path: NAME.safetensors.
            card: what else to say.
            half: store the weights in 16 bits; they are computed with in 32 all the same.
        """
        from safetensors.torch import save

        path = check_path("path", path)
        make_folder(path.parent)
        tensors = {
            f"{index}.{name}": value.detach().cpu().contiguous()
            for index, label in enumerate(self.classes)
            for name, value in self.generators[label].state_dict().items()
        }
        if half:
            tensors = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
        content = save(tensors)
        own = {"classes": list(self.classes), "size": self.size, "net": self.card["net"]}
        digest = hashlib.sha256(content).hexdigest()
        self.card = seal_card({**self.card, **(card or {}), **own, "sha256": digest}, _MEANS)
        write(path, content)
        write(path.with_suffix(".json"), json.dumps(self.card, indent=2) + "\n")
        return self.card


def check_classes(classes: object) -> None:
    """Raise a FerError unless these are two names that differ."""
    check_names("classes", classes)
    if len(set(classes)) != 2 or len(classes) != 2:  # type: ignore[call-overload,arg-type]
        raise FerError(f"classes={shown(classes)}: expected two names that differ.")


def check_pair(pair: object) -> None:
    """Raise a FerError unless this is a pair of generators."""
    if not isinstance(pair, Pair):
        raise FerError(f"pair={shown(pair)}: expected a pair of generators, as `load` returns.")


def as_input(images: Tensor) -> Tensor:
    """Return uint8 pictures as the generators take them: float, -1 to 1."""
    return images.float() / 127.5 - 1


def as_images(pictures: Tensor) -> np.ndarray:
    """Return what generators draw as uint8 pictures."""
    return ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def make_generator(net: Mapping[str, Any]) -> nn.Module:
    """Return the untrained generator that a card describes."""
    kind = KINDS[net["generator"]][0]
    return kind(net["channels"], net["filters"], net["blocks"])


def names() -> list[str]:
    """Return the names of the pairs that come with the kit."""
    return sorted(path.stem for path in _folder().glob("*.safetensors"))


def load(name: str | Path) -> Pair:
    """Return a pair of generators: one of `names()`, a .safetensors file, or a training's folder.

    Raises:
        FerError: neither, or a damaged or changed file.
    """
    path = check_path("name", name)
    if path.is_dir():
        path = path / WEIGHTS
        if not path.is_file():
            raise FerError(f"{path.parent} holds no {WEIGHTS}: no step of a training was kept.")
    elif path.suffix != ".safetensors":
        if str(name) not in names():
            raise FerError(
                f"no pair of generators called {str(name)!r}.{nearest(str(name), names())}"
            )
        path = _folder() / f"{name}.safetensors"
    return _load_file(path)


def _load_file(path: Path) -> Pair:
    from safetensors import SafetensorError
    from safetensors.torch import load as read

    for needed in (path, path.with_suffix(".json")):
        if not needed.is_file():
            raise FerError(f"{needed} is missing: generators are NAME.safetensors with NAME.json.")
    card, content = _read_card(path.with_suffix(".json")), path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise FerError(f"{path} is damaged, or not the file its card describes (SHA-256).")
    try:
        tensors = read(content)
        generators = {}
        for index, label in enumerate(card["classes"]):
            start = f"{index}."
            own = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            generators[label] = make_generator(card["net"]).eval()
            generators[label].load_state_dict(own)
    except (SafetensorError, RuntimeError):
        raise FerError(f"the weights in {path} do not fit its card.") from None
    return Pair(tuple(card["classes"]), card["size"], generators, card)


def _read_card(path: Path) -> dict:
    """Return a card; raise a FerError where it does not describe two generators."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise FerError(f"{path} is no card, or damaged.") from None
    for name, kind in _NEEDED.items():
        if not isinstance(card, dict) or not isinstance(card.get(name), kind):
            raise FerError(f"{path} is no card of two generators: it has no {name!r}.")
    classes, net = card["classes"], card["net"]
    fits = (
        len(classes) == 2 and all(isinstance(label, str) for label in classes),
        card["size"] in SIDES,
        net.get("generator") in GENERATORS,
        net.get("channels") in (1, 3),
        *(net.get(name) in RANGES[name] for name in ("filters", "blocks")),
    )
    if not all(fits):
        raise FerError(f"{path} is damaged: {shown(classes)}, {shown(net)} are no generators.")
    check_card(card, _MEANS, path)
    return card


def _folder() -> Path:
    return Path(str(resources.files("fer_utils") / "translate" / "weights"))
