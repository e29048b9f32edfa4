"""What the processor is told while a net trains: denormals, memory, depthwise layers, cuDNN.

Nothing here belongs to the arithmetic of a training; it makes it several times faster. Each
setting is a `with` block that leaves everything as it was found.
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

#: Steps of a run from which on cuDNN searches. On the first GPU an epoch with the search took 11 to
#: 20 s where a later one took 0.1 to 0.3; from which length on it pays was chosen, not measured.
SEARCH_FROM = 10_000

# From glibc's malloc.h: the parameter's number, its value during a training, and afterwards (what
# glibc itself arrives at in a program that has freed a large block).
M_TRIM_THRESHOLD = (-1, 2**31 - 1, 64 * 2**20)
M_MMAP_THRESHOLD = (-3, 32 * 2**20, 32 * 2**20)
M_MMAP_MAX = (-4, 0, 65_536)


@contextmanager
def prepared(device: torch.device, search: bool = True) -> Iterator[None]:
    """Set the processor up for a training, and put back its settings and torch's random numbers.

    On a GPU the work goes to a CUDA stream of its own, where it can be recorded as a CUDA graph.

    Args:
        device: where the net trains.
        search: let cuDNN try out which algorithm is the fastest, unless it is told to be
            deterministic; otherwise it takes the one that it expects to be.
    """
    if device.type != "cuda":
        with torch.random.fork_rng(devices=[]), freed_memory_kept(), denormals_are_zero():
            yield
        return
    cudnn, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    cudnn.benchmark = search and not cudnn.deterministic
    # The default stream cannot be captured. Streams do not wait for each other by themselves:
    # ours waits for what was begun before, and what comes afterwards waits for ours.
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    try:
        with torch.random.fork_rng(devices=[device]), torch.cuda.stream(stream):
            yield
    finally:
        cudnn.benchmark = before
        torch.cuda.current_stream(device).wait_stream(stream)


@contextmanager
def cudnn_search(worth_it: bool) -> Iterator[None]:
    """Let cuDNN search until the end of the block only if that is `worth_it` (and it did before).

    It searches anew for every shape: the smaller last batch and the batches of validation are too
    few to earn that back. The first batch of a shape decides, cuDNN keeps what it chose.
    """
    cudnn, before = torch.backends.cudnn, torch.backends.cudnn.benchmark
    cudnn.benchmark = before and worth_it
    try:
        yield
    finally:
        cudnn.benchmark = before


@contextmanager
def denormals_are_zero() -> Iterator[None]:
    """Flush denormal (subnormal) numbers, those below 1.2e-38, to zero until the end of the block.

    A weight that only decays goes through them on its way to zero, and a processor needs many
    times as long for each: with alessi2019's recipe a quarter of all weights are there after six
    epochs on FER2013, and an epoch takes more than twice as long as before. Only the thread that
    calls is changed; it is the one in which the optimizer takes its steps.
    """
    before = flushes_denormals()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def flushes_denormals() -> bool:
    """Return whether denormal numbers are flushed to zero now."""
    # torch can set the mode but not tell it: 1e-40 is denormal, times one it stays or is lost
    return (torch.full((), 1e-40) * 1.0).item() == 0


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the C library keep what is freed until the end of the block.

    Every training step takes and frees the same hundreds of megabytes. glibc hands large blocks
    back to the system, which then has to find and clear every page anew. Elsewhere than on
    glibc nothing is done.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    glibc = ctypes.CDLL(None)
    parameters = (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX)
    for number, during, _ in parameters:
        glibc.mallopt(number, during)
    try:
        yield
    finally:
        for number, _, after in parameters:
            glibc.mallopt(number, after)
        glibc.malloc_trim(0)


@contextmanager
def strided_depthwise_in_float32(net: nn.Module) -> Iterator[None]:
    """Let depthwise convolutions with a stride stay float32 on a CPU until the end of the block.

    Nothing changes where `torch.autocast` is off. Where it is on, the gradient of such a layer
    takes five times as long in bfloat16 as in float32 (192 channels, 64x64, stride 2, oneDNN),
    more than bfloat16 saves in all the others.
    """
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d) and _is_strided_depthwise(m)]
    for layer in layers:
        # An attribute of the object hides the class's method. `partial` and not a closure, since
        # a deep copy of the net must call the copied layer: copying goes into a partial.
        vars(layer)["forward"] = partial(_without_autocast, layer)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["forward"]


def _is_strided_depthwise(layer: nn.Conv2d) -> bool:
    on_cpu = layer.weight.device.type == "cpu"
    return on_cpu and layer.groups == layer.in_channels > 1 and max(layer.stride) > 1


def _without_autocast(layer: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return nn.Conv2d.forward(layer, x.float())
