"""Trained networks: save and load them, and the ones that come with the kit."""

import hashlib
import inspect
import json
from collections.abc import Callable, Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from fer_utils._arguments import check_path, shown, spoken
from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.files import check_card, make_folder, seal_card, write
from fer_utils.models.answers import check_net, first_line
from fer_utils.models.counting import count
from fer_utils.models.facenet import FaceNet, facenet
from fer_utils.models.registry import create
from fer_utils.ranges import SEED, SIDE


def _all(kind: type, values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


_MEANS = ("net",)
#: What a card says of the faces that a net learned from: what each value has to be.
_FACES: dict[str, Callable[[Any], bool]] = {
    "data": lambda value: isinstance(value, str),
    "relabel": lambda value: isinstance(value, str | None),
    "split_by": lambda value: isinstance(value, str),
    "shares": lambda value: value is None or isinstance(value, list),
    "split_seed": lambda value: value in SEED,
    "crop": lambda value: isinstance(value, str | None),
    "color": lambda value: isinstance(value, bool | None),
    "size": lambda value: value is None or value in SIDE,
    "counts": lambda value: isinstance(value, dict) and _all(int, value.values()),
    "without": lambda value: isinstance(value, list) and _all(str, value),
    "digest": lambda value: isinstance(value, dict) and _all(str, value.values()),
}


def save(
    net: FaceNet, path: str | Path, card: dict | None = None, *, half: Collection[str] = ()
) -> dict:
    """Write `path` (safetensors) and its card beside it (.json), each in one step.

    The card gains the net's configuration, its parameter count, the file's SHA-256 and a checksum
    of what gives the weights their meaning.

    Args:
        net: what to save.
        path: NAME.safetensors.
        card: what else to say of it.
        half: names of weights to store in 16 bits instead of 32, which may change an answer; a
            net that is loaded computes in 32 bits all the same.

    Returns:
        the card as written.

    Raises:
        FerError: the net is not from `create`, which could not build it again from its card.
    """
    from safetensors import torch as safetensors

    check_net(net)
    if facenet(net).config is None:
        raise FerError(
            f"{net.name} is a network from elsewhere, which no card can build again: save its "
            "weights with torch.save(net.trunk.state_dict(), path), and wrap it again later."
        )
    path = check_path("path", path)
    if not path.name:
        raise FerError(f"path={shown(str(path))}: give the file's name, NAME.safetensors.")
    if not isinstance(card, Mapping | None):
        raise FerError(f"card={shown(card)}: expected what it says, by name.")
    if not isinstance(half, Collection) or isinstance(half, str):
        raise FerError(f"half={shown(half)}: expected names of weights.")
    make_folder(path.parent)
    tensors = {key: value.detach().cpu().contiguous() for key, value in net.state_dict().items()}
    tensors = {key: value.half() if key in half else value for key, value in tensors.items()}
    content = safetensors.save(tensors)
    card = {
        **(card or {}),
        "net": net.config,
        "parameters": count(net),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    card = seal_card(card, _MEANS)
    write(path, content)
    write(path.with_suffix(".json"), json.dumps(card, indent=2) + "\n")
    return card


def load_file(path: str | Path) -> FaceNet:
    """Return the net saved at `path` by `save`, in evaluation mode.

    Args:
        path: NAME.safetensors, or the folder of a training (`train --out`).

    Raises:
        FerError: no file or card there, a damaged or changed one, or weights that do not fit.
    """
    from safetensors import SafetensorError
    from safetensors import torch as safetensors

    path = weights_file(check_path("path", path))
    card_path = path.with_suffix(".json")
    for needed in (path, card_path):
        if not needed.is_file():
            raise FerError(f"{needed} is missing: weights are NAME.safetensors with NAME.json.")
    card, content = _read_card(card_path), path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise FerError(f"{path} is not the file its card describes (SHA-256). Fetch it again.")
    net = _build(card["net"], card_path)
    try:
        net.load_state_dict(safetensors.load(content))
    except SafetensorError as error:
        raise FerError(f"{path} is no safetensors file, or damaged: {first_line(error)}.") from None
    except RuntimeError as error:  # whose message has a line for every weight that does not fit
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        more = f" And {len(lines) - 1} more of this kind." if len(lines) > 1 else ""
        raise FerError(
            f"the weights in {path} do not fit its card: {lines[0]}{more}" if lines else str(error)
        ) from None
    check_card(card, _MEANS, card_path)
    return net.eval()


def weights_file(path: str | Path) -> Path:
    """Return the path of a file of weights: in the folder of a training, model.safetensors.

    Raises:
        FerError: the folder has none, or the file is a training's own, without a card.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    whole, best = folder / "model.safetensors", folder / "best.safetensors"
    if path == folder and whole.is_file():
        return whole
    if path in (folder, best) and best.is_file() and not best.with_suffix(".json").is_file():
        if whole.is_file():
            raise FerError(f"{best} has no card: load {folder}, whose {whole.name} has one.")
        raise FerError(
            f"{best} has no card: `train` writes {whole.name} when it ends (the command that began "
            "goes on), and after `fit` in Python models.save(net, path) does."
        )
    if path == folder:
        raise FerError(f"the folder {path} holds no {whole.name}, as a training leaves at its end.")
    return path


def _read_card(path: Path) -> dict:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise FerError(f"{path} is no card, or damaged: {first_line(error)}.") from None
    for name, kind in {"sha256": str, "net": dict}.items():
        if not isinstance(card, dict) or not isinstance(card.get(name), kind):
            raise FerError(f"{path} is no card of weights: it has no {name!r}, or another kind.")
    if "faces" in card:  # cards of other trainings than `train` have none
        _check_faces(card["faces"], path)
    return card


def _check_faces(faces: object, path: Path) -> None:
    """Raise a FerError unless this is what `train` says of the faces that a net learned from."""
    if not isinstance(faces, dict):
        raise FerError(f"{path} is damaged: its 'faces' are {shown(faces)}.")
    for name, fits in _FACES.items():
        # the digest was added later
        if (name in faces or name != "digest") and not fits(faces.get(name, ...)):
            what = f"is {shown(faces[name])}" if name in faces else "is missing"
            raise FerError(f"{path} is damaged: {name!r} of its 'faces' {what}.")


def _build(config: dict, path: Path) -> FaceNet:
    """Return the untrained net that a card describes."""
    known = inspect.signature(create).parameters
    wrong = [name for name in config if name not in known or name in ("seed", "base_weights")]
    if wrong:
        raise FerError(f"{path}: a net has no {wrong[0]!r}.{nearest(wrong[0], known)}")
    for name in ("name", "classes"):
        if config.get(name) is None:
            raise FerError(f"{path}: the net's {name!r} is missing.")
    try:
        return create(**config)
    except FerError as error:
        raise FerError(f"{path}: {error}") from None


def pretrained_names() -> list[str]:
    """Return the names of the weights that come with the kit."""
    return sorted(p.stem for p in _weights_folder().glob("*.safetensors"))


@spoken
def pretrained(name: str) -> FaceNet:
    """Return a trained network, in evaluation mode, by an entry of `pretrained_names()`.

    Raises:
        FerError: no such weights (the message lists those there are), or a damaged file.
    """
    if name not in pretrained_names():
        raise FerError(f"no weights called {name!r}.{nearest(name, pretrained_names())}")
    return load_file(_weights_folder() / f"{name}.safetensors")


@spoken
def load(name: str | Path) -> FaceNet:
    """Return a trained net: an entry of `pretrained_names()`, a .safetensors file, a run's folder.

    Raises:
        FerError: neither; see `pretrained` and `load_file`.
    """
    check_path("name", name)
    return load_file(name) if _is_file(name) else pretrained(str(name))


def card(name: str | Path) -> dict:
    """Return a model card (data, recipe, scores, command) by the name or path that `load` takes.

    Raises:
        FerError: no such weights, or a damaged card.
    """
    check_path("name", name)
    path = weights_file(name) if _is_file(name) else _weights_folder() / f"{name}.safetensors"
    path = path.with_suffix(".json")
    if not path.is_file():
        raise FerError(f"no card for {str(name)!r}.{nearest(name, pretrained_names())}")
    return _read_card(path)


def _is_file(name: str | Path) -> bool:
    return str(name).endswith(".safetensors") or bool(str(name) and Path(name).exists())


def _weights_folder() -> Path:
    return Path(str(resources.files("fer_utils") / "weights"))
