"""The file of a run, from which it goes on: tensors with a checksum, nothing that is executed."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fer_utils.errors import FerError
from fer_utils.files import read_json, write
from fer_utils.train.checkpoint import OtherRunError, differences

STATE, HISTORY, PROGRESS = "state.safetensors", "history.json", "progress.png"


def save_state(path: Path, tensors: dict[str, Tensor], identity: dict[str, Any]) -> None:
    """Write a state in one step.

    Args:
        path: of the file.
        tensors: all that changes during a run.
        identity: what must be the same for it to go on.
    """
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    about = {"run": json.dumps(identity, sort_keys=True), "sha256": _digest(tensors)}
    write(path, save(tensors, metadata=about))


def load_state(path: Path, identity: dict[str, Any]) -> dict[str, Tensor] | None:
    """Return a saved state, on the CPU; None where no run is, or, with a line, a damaged state.

    Raises:
        OtherRunError: the folder holds another run.
    """
    history, asked = path.with_name(HISTORY), json.loads(json.dumps(identity))
    if not path.is_file() and not history.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        saved = json.loads(about["run"])
        whole = about["sha256"] == _digest(tensors)
    except (SafetensorError, KeyError, ValueError, OSError):
        whole = False
    if not whole:
        try:
            saved = read_json(history)["run"]
        except (OSError, FerError, KeyError, TypeError):
            saved = asked  # nothing tells which run it was
    if saved != asked:
        raise OtherRunError(path.parent, differences(saved, asked))
    if not whole:
        print(f"{path} is {'damaged' if path.is_file() else 'missing'}: the run begins again.")
        return None
    return tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    content = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        content.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        content.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return content.hexdigest()


def check_device(saved: dict[str, Tensor], device: torch.device, folder: Path) -> None:
    """Raise a FerError where a run began on another kind of device, whose numbers are others."""
    if ("random.cuda" in saved) != (device.type == "cuda"):
        raise FerError(
            f"{folder} holds a run that began on another kind of device than {device.type}: choose "
            "another folder, or write over it (resume=False, on the command line --restart)."
        )
