"""The files of a run: written after every epoch, and read to go on from there.

What is in a state is `Run.state_dict`'s business; here it is a dict of tensors and plain values.
"""

import io
import json
from pathlib import Path

import torch

from fer_utils.errors import FerError
from fer_utils.files import write
from fer_utils.train.history import History
from fer_utils.train.recipes import with_defaults, with_new_names

STATE = "last.pt"


def save(state: dict, folder: Path) -> None:
    """Write best weights, history and state, each under a temporary name first.

    Args:
        state: of `Run.state_dict`; looked at are `identity` (what must be the same for a run to
            go on), `best` (the best epoch's weights) and `epochs` (the history's rows).
        folder: gets `best.safetensors`, `history.json` and `last.pt`.
    """
    from safetensors.torch import save as tensors_to_bytes

    best = {key: value.cpu().contiguous() for key, value in state["best"].items()}
    write(folder / "best.safetensors", tensors_to_bytes(best))
    best_row = History(state["epochs"]).best
    record = {"run": state["identity"], "best": best_row, "epochs": state["epochs"]}
    write(folder / "history.json", json.dumps(record, indent=1) + "\n")
    # The state comes last: a run that is killed before it repeats the epoch, and then writes
    # all three again.
    file = io.BytesIO()
    torch.save({**state, "identity": json.dumps(state["identity"], sort_keys=True)}, file)
    write(folder / STATE, file.getvalue())


def load(path: Path, identity: dict, device: torch.device) -> dict:
    """Return a saved state, its tensors on the device.

    Args:
        path: the file.
        identity: of the run that wants to go on.
        device: where it runs.

    Raises:
        FerError: the state is damaged, another run's, or was left on another kind of device.
    """
    try:
        # weights_only: tensors and plain values are read, and no code in the file is executed
        state = with_new_names(torch.load(path, map_location=device, weights_only=True))
        saved, _ = _comparable(json.loads(state["identity"])), state["cuda"]
    except Exception as problem:  # torch.load has many ways to say so
        raise FerError(
            f"{path} is damaged: delete it, or pass resume=False to begin again."
        ) from problem
    # through JSON the run's own tuples become lists, as those in the file have
    asked = _comparable(json.loads(json.dumps(identity)))
    if "faces" not in saved:  # from before faces were known one by one
        del asked["faces"]
    if isinstance(saved.get("net"), str) and "(" not in saved["net"]:
        # from before nets were known by their layers: its class is all that was written down
        asked["net"] = str(asked["net"]).partition("(")[0]
    if saved != asked:
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
    return state


def _comparable(identity: dict) -> dict:
    return {**identity, "recipe": with_defaults(identity["recipe"])}
