"""The training: steps of one picture of each class, a run that can go on where it stopped."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fer_utils._arguments import check_array, check_path, check_truth, shown
from fer_utils._arguments import seed as check_seed
from fer_utils._progress import tqdm
from fer_utils.errors import FerError
from fer_utils.files import make_folder, write, write_json
from fer_utils.locks import LOCK, hold
from fer_utils.models.answers import chosen_device, float32_by_default
from fer_utils.train.cpu import prepared
from fer_utils.translate import state
from fer_utils.translate.pair import WEIGHTS, Pair, check_classes
from fer_utils.translate.run import Run
from fer_utils.translate.settings import FEWEST, STEPS, Settings, check_sides
from fer_utils.translate.sheet import as_png, progress_sheet
from fer_utils.translate.step import TERMS

#: Steps between two looks at the losses, which wait for a GPU, and between two saved states.
LOOK_EVERY, SAVE_EVERY = 20, 50
#: After which steps a picture is drawn at first; then with every `PICTURE_EVERY`.
EARLY, PICTURE_EVERY = (50, 100, 200), 500
SHOWN = 6


@float32_by_default()
def fit(
    first: np.ndarray,
    second: np.ndarray,
    settings: Settings | None = None,
    *,
    classes: tuple[str, str] = ("first", "second"),
    steps: int = 10_000,
    seed: int = 0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    card: Mapping[str, Any] | None = None,
    on_picture: Callable[[int, np.ndarray], object] | None = None,
    progress: bool = True,
) -> Pair:
    """Train two generators on unpaired pictures of two classes; return them.

    A step sees one picture of each class, drawn with replacement. The rate is constant in the
    first half of the steps, and falls evenly to 0 in the second.

    Args:
        first: uint8 (N, C, H, W) of the first class; H = W, a multiple of 4.
        second: of the second class, M others of the same size.
        settings: how to train; `Settings()` unless given.
        classes: what they are called.
        steps: how many.
        seed: of everything random: the same seed gives the same weights on the same machine.
        device: "cpu", "cuda", ...; a GPU where there is one unless named.
        out: folder for the state, from which an interrupted run goes on; `model.safetensors`
            and its card; `history.json`; `progress.png`. Nothing is written without it.
        resume: go on with what is there; else write over it.
        card: what else the pair's card is to say.
        on_picture: called with the number of steps done and the picture of progress, uint8
            (H, W) or (H, W, 3); see `sheet.progress_sheet`.
        progress: show a bar with the losses.

    Returns:
        the pair. Its `history` has the terms of the losses (see `history`).

    Raises:
        FerError: pictures that do not fit, too few of them, or a folder with another run.
    """
    settings = Settings() if settings is None else settings
    if not isinstance(settings, Settings):
        raise FerError(f"settings={shown(settings)}: expected Settings.")
    check_pictures(first, second, classes)
    STEPS.check("steps", steps)
    check_truth("resume", resume)
    check_truth("progress", progress)
    if not isinstance(card, Mapping | None):
        raise FerError(f"card={shown(card)}: expected what else to say, by name.")
    if on_picture is not None and not callable(on_picture):
        raise FerError(f"on_picture={shown(on_picture)}: expected a function.")
    seed, device = check_seed(seed), chosen_device(device)
    folder = None if out is None else make_folder(check_path("out", out))
    with prepared(device):
        if folder is None:
            run = Run((first, second), classes, settings, steps, seed, device)
            return _train(run, None, card or {}, on_picture, progress)
        with hold(folder / LOCK):
            run = Run((first, second), classes, settings, steps, seed, device)
            if resume and (saved := state.load_state(folder / state.STATE, run.identity)):
                state.check_device(saved, device, folder)
                run.load(saved)
                save(run, folder, card or {})  # what lies beside the state may be damaged
            return _train(run, folder, card or {}, on_picture, progress)


def check_pictures(first: np.ndarray, second: np.ndarray, classes: tuple[str, str]) -> None:
    """Raise a FerError unless two generators can learn from these pictures."""
    check_classes(classes)
    for name, pictures in zip(classes, (first, second), strict=True):
        check_array(str(name), pictures, 4, kinds="u")
        if pictures.dtype != np.uint8:
            raise FerError(f"{name} has pictures of {pictures.dtype}: expected uint8, 0 to 255.")
        if len(pictures) < FEWEST:
            raise FerError(
                f"{name} has {len(pictures)} pictures: a discriminator would know each by heart, "
                f"so give {FEWEST} or more."
            )
    channels = [pictures.shape[1] for pictures in (first, second)]
    if channels[0] != channels[1] or channels[0] not in (1, 3):
        raise FerError(
            f"{classes[0]} has pictures of {channels[0]} channels and {classes[1]} of "
            f"{channels[1]}: give both in grey (1) or both in colour (3)."
        )
    check_sides({pictures.shape[2:] for pictures in (first, second)})


def _train(
    run: Run,
    folder: Path | None,
    card: Mapping[str, Any],
    on_picture: Callable[[int, np.ndarray], object] | None,
    progress: bool,
) -> Pair:
    """Do the steps that are left."""
    name = f"{run.classes[0]} <-> {run.classes[1]}"
    quiet = not progress
    with tqdm(total=run.steps, initial=run.done, desc=name, unit="step", disable=quiet) as bar:
        while run.done < run.steps:
            run.advance()
            bar.update()
            last = run.done == run.steps
            if run.done % LOOK_EVERY == 0 or last:
                means = run.losses(LOOK_EVERY).mean(0)
                if not np.isfinite(means).all():
                    raise FerError(
                        f"the losses are no numbers any more after {run.done} steps: take a lower "
                        f"learning rate than {run.settings.learning_rate:g}."
                    )
                bar.set_postfix(
                    {term: f"{mean:.3f}" for term, mean in zip(TERMS, means, strict=True)}
                )
            if folder is not None and (run.done % SAVE_EVERY == 0 or last):
                save(run, folder, card)
            pictured = run.done in EARLY or run.done % PICTURE_EVERY == 0 or last
            if pictured and (folder is not None or on_picture is not None):
                sheet = _progress(run, card)
                if on_picture is not None:
                    on_picture(run.done, sheet)
                if folder is not None:
                    write(folder / state.PROGRESS, as_png(sheet))
    pair = run.pair(card)
    pair.history = history(run.losses())
    return pair


def save(run: Run, folder: Path, card: Mapping[str, Any]) -> None:
    """Write the state, the generators so far, and the history of the losses."""
    pair = run.pair(card)
    pair.save(folder / WEIGHTS)
    write_json(folder / state.HISTORY, {"run": run.identity, "losses": history(run.losses())})
    # the state comes last: a run that is killed before it goes on from the one before
    state.save_state(folder / state.STATE, run.state(), run.identity)


def history(losses: np.ndarray, rows: int = 500) -> dict[str, list]:
    """Return the terms of the losses as means over some steps, at most so many rows.

    The last row is the mean of what is left: it may be of fewer steps.

    Args:
        losses: (steps, terms).
        rows: how many at most.

    Returns:
        "step" (the last of each) and the `TERMS` -> values.
    """
    each = max(LOOK_EVERY, math.ceil(len(losses) / rows))
    starts = range(0, len(losses), each)
    means = [losses[start : start + each].mean(0).round(5).tolist() for start in starts]
    ends = [min(start + each, len(losses)) for start in starts]
    columns = {term: [row[index] for row in means] for index, term in enumerate(TERMS)}
    return {"step": ends, **columns}


def _progress(run: Run, card: Mapping[str, Any]) -> np.ndarray:
    """Draw the picture of progress: the first pictures of each class, translated and back."""
    pair = run.pair(card)
    samples = [part[:: max(1, len(part) // SHOWN)][:SHOWN] for part in run.pictures]
    return progress_sheet(pair, *samples)
