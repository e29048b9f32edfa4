"""The files of a run: written after every epoch, and read to go on from there.

What is in a state is `Run.state_dict`'s business; here it is a dict of tensors and plain values.
Every file carries a checksum: the state the zip format's CRC-32, which torch writes and does not
look at; `history.json` its own, and that of `best.safetensors`.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import torch

from fer_utils.data.faceset import other_faces
from fer_utils.errors import FerError
from fer_utils.files import DamagedError, read_json, write, write_json
from fer_utils.train.history import History
from fer_utils.train.recipes import LOOK_AHEAD, with_defaults, with_new_names

STATE, BEST, HISTORY = "last.pt", "best.safetensors", "history.json"
#: What the command `train` leaves beside them when a run has ended.
NET = ("model.safetensors", "model.json")
_PARTS = ("train", "valid")


class OtherRunError(FerError):
    """A folder holds another run than the one that was asked for.

    Attributes:
        what: what is other, in words.
    """

    def __init__(self, folder: Path, what: str):
        super().__init__(
            f"{folder} holds another run ({what}). Choose another folder, or write over it "
            "(resume=False, on the command line --restart)."
        )
        self.folder, self.what = folder, what

    def __reduce__(self) -> tuple:
        """Travel between processes by what it was made of."""
        return OtherRunError, (self.folder, self.what)


def save(state: dict, folder: Path) -> None:
    """Write best weights, history and state, each under a temporary name first.

    Args:
        state: of `Run.state_dict`; looked at are `identity` (what must be the same for a run to
            go on), `best` (the best epoch's weights) and `epochs` (the history's rows).
        folder: gets `best.safetensors`, `history.json` and `last.pt`.
    """
    _save_result(state, folder)
    # The state comes last: a run that is killed before it repeats the epoch, and then writes
    # all three again.
    file = io.BytesIO()
    torch.save({**state, "identity": json.dumps(state["identity"], sort_keys=True)}, file)
    write(folder / STATE, file.getvalue())


def _save_result(state: dict, folder: Path) -> None:
    from safetensors.torch import save as tensors_to_bytes

    best = {key: value.cpu().contiguous() for key, value in state["best"].items()}
    content = tensors_to_bytes(best)
    write(folder / BEST, content)
    best_row = History(state["epochs"]).best
    record = {"run": state["identity"], "best": best_row, "epochs": state["epochs"]}
    write_json(folder / HISTORY, {**record, "best_sha256": hashlib.sha256(content).hexdigest()})


def remove_net(folder: Path) -> None:
    """Remove the net of an earlier run, before another one begins in its folder.

    Were that one interrupted, it would be scored by the net of the earlier.
    """
    if any((folder / name).is_file() for name in (STATE, BEST, HISTORY)):
        for name in NET:
            (folder / name).unlink(missing_ok=True)


def mend(state: dict, folder: Path) -> None:
    """Write best weights and history again, where they are not those of a state."""
    try:
        history, content = read_json(folder / HISTORY), (folder / BEST).read_bytes()
        whole = history["epochs"] == state["epochs"]
        whole &= history.get("best_sha256") == hashlib.sha256(content).hexdigest()
    except (OSError, FerError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        _save_result(state, folder)


def load(folder: Path, identity: dict, device: torch.device) -> dict | None:
    """Return a saved state, its tensors on the device; None, with a line, without a whole one.

    A run that was saved before its faces were known by their content is taken for the same, with
    a line that says so.

    Args:
        folder: of the run.
        identity: of the run that wants to go on.
        device: where it runs.

    Raises:
        OtherRunError: the folder holds another run.
        FerError: the state was left on another kind of device.
    """
    path = folder / STATE
    try:
        state = _read_state(path, device)
        saved, _ = json.loads(state["identity"]), state["cuda"]
    except Exception:  # torch and zipfile have many ways to say so
        _check_same(folder, _identity_of_history(folder) or identity, identity)
        print(f"{path} is {'damaged' if path.is_file() else 'missing'}: the run begins again.")
        return None
    if not _check_same(folder, saved, identity):
        print(
            f"{folder} is from before runs knew their faces by content: whether these are the "
            "same could not be checked."
        )
    if (state["cuda"] is not None) != (device.type == "cuda"):
        raise FerError(
            f"{folder} holds a run that began on another kind of device than {device.type}: "
            "its random numbers cannot go on here. Choose another folder, or write over it "
            "(resume=False, on the command line --restart)."
        )
    return state


def _read_state(path: Path, device: torch.device) -> dict:
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        if damaged := parts.testzip():
            raise DamagedError(f"{damaged} in {path} is damaged")
    # weights_only: tensors and plain values are read, and no code in the file is executed
    state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return with_new_names(state)


def _identity_of_history(folder: Path) -> dict | None:
    try:
        saved = read_json(folder / HISTORY)["run"]
        return saved if {"recipe", *_PARTS} <= set(saved) else None
    except (OSError, FerError, KeyError, TypeError):
        return None


def _check_same(folder: Path, saved: dict, asked: dict) -> bool:
    """Raise an OtherRunError unless a run is the one asked for; say whether its faces were known.

    Faces are [name, number], and since they are known by content [name, number, digest].
    """
    # through JSON the run's own tuples become lists, as those in the file have
    saved, asked = (json.loads(json.dumps(run, sort_keys=True)) for run in (saved, asked))
    saved.pop("faces", None)  # the identity had it for some days
    if isinstance(saved.get("net"), str) and "(" not in saved["net"]:
        # from before nets were known by their layers: its class is all that was written down
        asked["net"] = str(asked["net"]).partition("(")[0]
    saved = with_more_epochs(saved, asked)
    faces = [{part: dict(enumerate(run[part])) for part in _PARTS} for run in (saved, asked)]
    there, now = (
        {part: found[2] for part, found in run.items() if 2 in found and 2 in faces[0][part]}
        for run in faces
    )
    for run in (saved, asked):
        run |= {part: run[part][:2] for part in _PARTS}
    what = [differences(saved, asked), *other_faces(there, now)]
    if any(what):
        raise OtherRunError(folder, "; ".join(filter(None, what)))
    return len(there) == len(_PARTS)


def with_more_epochs(there: Any, asked: Any) -> Any:
    """Return a run's settings, with as many epochs as are asked for where it can go on to them.

    A run of few epochs is the beginning of one of many, unless its recipe looks ahead to the end.
    """
    if not isinstance(there, dict) or not isinstance(asked, dict):
        return there
    recipe = _by_name(there)
    looks_ahead = recipe.get("schedule") in LOOK_AHEAD or recipe.get("distil")
    if looks_ahead or there.get("epochs", 0) >= asked.get("epochs", 0):
        return there
    return {**there, "epochs": asked["epochs"]}


def differences(there: Any, asked: Any) -> str:
    """Say how two runs' settings differ; "" where they do not."""
    old, new = (_by_name(json.loads(json.dumps(settings))) for settings in (there, asked))
    return "; ".join(
        f"{name} {_short(old.get(name))} there, {_short(new.get(name))} asked"
        for name in new | old
        if old.get(name) != new.get(name)
    )


def _by_name(settings: Any) -> dict[str, Any]:
    """Return settings one by one, those of a recipe too: also those invented after it was saved."""
    if not isinstance(settings, dict):
        many = settings if isinstance(settings, list) else [settings]
        settings = {f"setting {number}": value for number, value in enumerate(many, 1)}
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and "learning_rate" in value:
            for key, part in with_defaults(value).items():
                # a second recipe must not be hidden by the first
                flat[f"{name}: {key}" if key in flat else key] = part
        else:
            flat[name] = value
    return flat


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else "another"
