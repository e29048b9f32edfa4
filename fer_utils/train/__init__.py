"""Training: the whole data set on the device, a loop one can read, a run that can resume."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.train import checkpoint as state
from fer_utils.train.denormals import denormals_are_zero
from fer_utils.train.depthwise import strided_depthwise_in_float32
from fer_utils.train.faces import check_splits
from fer_utils.train.history import History
from fer_utils.train.loop import Run
from fer_utils.train.memory import freed_memory_kept
from fer_utils.train.recipes import RECIPES, Recipe, recipe
from fer_utils.train.tensorboard import tensorboard

__all__ = ["RECIPES", "History", "Recipe", "fit", "recipe", "tensorboard"]

PRECISIONS = ("float32", "bfloat16")


def fit(
    net: nn.Module,
    train: FaceSet,
    valid: FaceSet,
    recipe: Recipe,
    *,
    epochs: int | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    progress: bool = True,
    precision: str = "float32",
    graphs: bool | None = None,
    compile: bool = False,
    on_epoch: Callable[[History], object] | None = None,
) -> History:
    """Train `net` in place; it ends with the weights of its best validation epoch.

    Args:
        net: a net with `.classes`, from pictures in [0, 1] to logits. Parameters with
            requires_grad=False are frozen: they keep their values to the bit, and a batch norm
            in a part that is wholly frozen works as in evaluation and keeps its statistics.
        train: faces to learn from.
        valid: faces that choose the epoch to keep; never used for learning.
        recipe: an entry of `RECIPES`, or one's own.
        epochs: overrides the recipe's; early stopping may still end the run before.
        seed: order of the faces, augmentation and dropout; the same seed gives the same
            weights on the same machine (on a GPU up to rounding, since some of its kernels add
            in no fixed order).
        device: None takes a GPU where there is one.
        out: folder for `best.safetensors`, `history.json` and the state to resume from,
            each written in one step after every epoch. None keeps everything in memory.
        resume: go on where a run in `out` was interrupted.
        progress: show a bar.
        precision: an entry of `PRECISIONS`. "bfloat16" computes convolutions and matrix products
            of the training steps in half the digits, where the processor does that faster;
            weights, batch statistics, loss and validation stay float32.
        graphs: launch a step's kernels all together, as a CUDA graph. It begins when the running
            statistics of batch norm have warmed up, and leaves the smaller last batch of an
            epoch out. None: on a GPU. A net that cannot be recorded is trained without, with a
            warning.
        compile: let `torch.compile` fuse the net's operations, for the same steps. The first of
            them takes a minute; the numbers are rounded otherwise.
        on_epoch: called after every epoch with the History so far, e.g. to draw it.

    Returns:
        The History. Early stopping, Ctrl-C and a loss that is no number any more end the run,
        keep the best epoch so far, and say so in `History.stopped`.

    Raises:
        FerError: an empty split, a class without faces to learn from, a net whose parameters
            are all frozen, an unknown precision, graphs without a GPU, votes that are not there
            or that the net has no outputs for, or an `out` that holds another run.
    """
    check_splits(net, train, valid)
    if precision not in PRECISIONS:
        raise FerError(f"precision={precision!r} is not one of: {', '.join(PRECISIONS)}.")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if graphs and device.type != "cuda":
        raise FerError(f"graphs=True needs a CUDA GPU; the device is {device.type}.")
    net.to(device, memory_format=torch.channels_last)
    with prepared(device), strided_depthwise_in_float32(net):
        torch.manual_seed(seed)
        run = Run(
            net,
            train,
            valid,
            recipe,
            epochs=epochs or recipe.epochs,
            seed=seed,
            device=device,
            precision=precision,
            graphs=device.type == "cuda" if graphs is None else graphs,
            compile=compile,
        )
        folder = Path(out) if out is not None else None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if resume and (folder / state.STATE).is_file():
                state.load(run, folder / state.STATE)
        run.loop(folder, progress, on_epoch or (lambda history: None))
    for norm, momentum in run.norms:
        norm.momentum = momentum
    net.load_state_dict(run.best_weights)
    net.zero_grad(set_to_none=True)
    net.eval()
    return run.history


@contextmanager
def prepared(device: torch.device) -> Iterator[None]:
    """Set the processor up for a training, and leave everything as it was found.

    Random numbers are put back. On a GPU the work goes to a stream of its own, where it can be
    recorded, and cuDNN tries out which algorithm is the fastest unless it is told to be
    deterministic.
    """
    if device.type != "cuda":
        with torch.random.fork_rng(devices=[]), freed_memory_kept(), denormals_are_zero():
            yield
        return
    cudnn, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    cudnn.benchmark = not cudnn.deterministic
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    try:
        with torch.random.fork_rng(devices=[device]), torch.cuda.stream(stream):
            yield
    finally:
        cudnn.benchmark = before
        torch.cuda.current_stream(device).wait_stream(stream)
