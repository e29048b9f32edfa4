"""Several processes that train one net together, as `torchrun` starts them.

`torchrun --nproc-per-node 2 -m fer_utils train ...` starts as many processes as it is told; each
has the whole data set, the same order and the same augmented batch, and learns its part of it.
torch's `DistributedDataParallel` averages their gradients, so all take the same step. Batch norm
sees a part of the batch only, and the statistics of the first process (rank 0) are kept; that one
alone validates, prints and writes.
Source: https://docs.pytorch.org/docs/stable/notes/ddp.html
"""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.train.augment import Mix
from fer_utils.train.recipes import Recipe


@contextmanager
def process_group(device: str | None) -> Iterator[str | None]:
    """Join the processes that torchrun has started until the end of the block, if it has.

    Yields:
        the device of this process: a GPU of its own, where there are GPUs.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if device is None and torch.cuda.is_available():
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device is not None and "cuda" in device else "gloo")
    before = signal.signal(signal.SIGTERM, _lost)  # torchrun sends it when another has ended
    try:
        # Only the first speaks. (What torch warns of is the memory layout of channels_last.)
        with redirect_stdout(sys.stdout if rank() == 0 else None), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Grad strides do not match")
            yield device
    except (RuntimeError, FerError) as problem:
        # a process that ends closes its connections; the backends have no common error for it, and
        # where a net was being asked it is the cause of the kit's own
        cause = problem.__cause__ or problem
        if isinstance(cause, dist.DistError) or "gloo" in str(cause):
            _lost()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
        dist.destroy_process_group()


def _lost(*_: object) -> NoReturn:
    raise FerError(
        f"process {rank()} has lost another one, so the run ends. The same command goes on after "
        "the last whole epoch."
    )


def size() -> int:
    """Return how many processes train together; 1 without torchrun."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number; that of the first is 0."""
    return dist.get_rank() if size() > 1 else 0


def check(recipe: Recipe, graphs: bool | None, compile: bool) -> None:
    """Raise a FerError for what several processes do not do."""
    if size() == 1:
        return
    if recipe.batch % size():
        raise FerError(f"batch={recipe.batch} cannot be shared evenly by {size()} processes.")
    if recipe.distil:
        raise FerError("distil keeps what the net said of every face: train in one process.")
    if graphs or compile:
        raise FerError("graphs and compile are for one process: leave them out with torchrun.")


def averaging_gradients(net: nn.Module) -> nn.Module:
    """Return what runs the net and averages its gradients over the processes."""
    return nn.parallel.DistributedDataParallel(net) if size() > 1 else net


def part_of(count: int) -> slice:
    """Return which of the `count` faces of a batch this process learns: all, without others."""
    return slice(rank() * count // size(), (rank() + 1) * count // size())


def summed(number: Tensor) -> Tensor:
    """Return the sum over the processes."""
    if size() > 1:
        number = number.clone()
        dist.all_reduce(number)
    return number


def of_the_first(values: Tensor) -> Tensor:
    """Return what the first process has, in all of them."""
    if size() > 1:
        dist.broadcast(values, 0)
    return values


def same_mix(mix: Mix) -> Mix:
    """Return the first process's draw."""
    return of_the_first(mix[0]), of_the_first(mix[1])
