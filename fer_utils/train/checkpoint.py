"""What a run leaves in its folder after every epoch, and how it goes on from there."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save as tensors_to_bytes

from fer_utils.errors import FerError
from fer_utils.files import write
from fer_utils.train.recipes import completed

if TYPE_CHECKING:
    from fer_utils.train.loop import Run

STATE = "last.pt"


def gather(run: "Run") -> dict:
    """Return all that is needed to go on to the same numbers."""
    return {
        "identity": json.dumps(run.identity, sort_keys=True),
        "net": run.net.state_dict(),
        "average": None if run.average is None else run.average.state_dict(),
        "best": run.best_weights,
        "said": run.step.said,
        "optimiser": run.optimiser.state_dict(),
        "scheduler": None if run.scheduler is None else run.scheduler.state_dict(),
        "generator": run.generator.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if run.step.images.is_cuda else None,
        "epochs": run.history.epochs,
    }


def save(run: "Run", folder: Path) -> None:
    """Write best weights, history and state, each under a temporary name first.

    The state comes last: a run that is killed in between repeats the epoch, and then writes all
    three.
    """
    best = {key: value.cpu().contiguous() for key, value in run.best_weights.items()}
    write(folder / "best.safetensors", tensors_to_bytes(best))
    record = {"run": run.identity, "best": run.history.best, "epochs": run.history.epochs}
    write(folder / "history.json", json.dumps(record, indent=1) + "\n")
    file = io.BytesIO()
    torch.save(gather(run), file)
    write(folder / STATE, file.getvalue())


def told(identity: dict) -> dict:
    """Return a run's identity with the recipe's settings that it was too early to know of."""
    return {**identity, "recipe": completed(identity["recipe"])}


def load(run: "Run", path: Path) -> None:
    """Go back to a saved state; tensors and plain values only, nothing is executed.

    Raises:
        FerError: the state is another run's, or was left on another kind of device.
    """
    device = run.step.images.device
    state = torch.load(path, map_location=device, weights_only=True)
    if told(json.loads(state["identity"])) != told(json.loads(json.dumps(run.identity))):
        raise FerError(
            f"{path.parent} holds another run (other recipe, seed, epochs, data, net or "
            "frozen parts). Choose another folder, or pass resume=False to write over it."
        )
    if (state["cuda"] is not None) != (device.type == "cuda"):
        raise FerError(
            f"{path.parent} holds a run that began on another kind of device than {device.type}: "
            "its random numbers cannot go on here. Choose another folder, or pass resume=False "
            "to write over it."
        )
    run.net.load_state_dict(state["net"])
    run.best_weights = state["best"]
    if run.step.said is not None:
        run.step.said.copy_(state["said"])
    run.optimiser.load_state_dict(state["optimiser"])
    if run.average is not None:
        run.average.load_state_dict(state["average"])
    if run.scheduler is not None:
        run.scheduler.load_state_dict(state["scheduler"])
    run.generator.set_state(state["generator"].cpu())
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"].cpu())
    run.history.epochs = state["epochs"]
