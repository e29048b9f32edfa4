"""What engines do otherwise on a GPU: full precision, large batches, recorded launches.

A GPU is fast when it gets much work at a time and never waits for Python. So a batch is as large
as memory allows, and the second time the same work comes (a batch of one shape through `batched`,
a map of the same windows through `delta`), the launches of all of its kernels are recorded as a
CUDA graph, which from then on is launched as one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from fer_utils.models.facenet import FaceNet

# Share of the free memory that a batch may take, and the most pictures in one: beyond it, a
# small net gains nothing.
SHARE = 0.5
MOST = 4096

WARM_UPS = 3


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keep TF32, which rounds factors to 10 bits, out of the computation on a GPU.

    Maps are differences of scores, where that error would show. The user's setting is restored.
    """
    if device.type != "cuda":
        yield
        return
    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    exact: str | bool
    if hasattr(matmul, "fp32_precision"):  # torch 2.9 and later
        settings = [(matmul, "fp32_precision"), (cudnn.conv, "fp32_precision")]
        exact = "ieee"
    else:
        settings = [(matmul, "allow_tf32"), (cudnn, "allow_tf32")]
        exact = False
    before = [getattr(*setting) for setting in settings]
    try:
        for setting in settings:
            setattr(*setting, exact)
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setattr(*setting, value)


def batch_size(net: nn.Module, inputs: Tensor) -> int:
    """Return how many pictures fit into the GPU's memory at once, from what one takes.

    Args:
        net: on the GPU.
        inputs: (N, ...) on the same one.
    """
    device = inputs.device
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    net(inputs[:1].clone())
    each = torch.cuda.max_memory_allocated(device) - before + inputs[:1].nbytes
    return fitting(free_memory(device), each)


def fitting(free: int, each: int) -> int:
    """Return how many pictures of so many bytes may go into so much free memory."""
    return max(1, min(MOST, int(SHARE * free) // max(1, each)))


def records(device: torch.device) -> bool:
    """Return whether launches can be recorded on a device."""
    return device.type == "cuda"


def free_memory(device: torch.device) -> int:
    """Return how many bytes of a GPU's memory nobody holds."""
    return torch.cuda.mem_get_info(device)[0]


@dataclass
class Recorded:
    """A graph of launches, with the memory that it reads from and writes to.

    Attributes:
        graph: the launches. What they read beside the inputs must be kept by whoever keeps this.
        inputs: where they read them.
        outputs: where they write them.
    """

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: Tensor

    def replay(self, *inputs: Tensor) -> Tensor:
        """Return what the recorded work makes of these inputs."""
        with torch.inference_mode(False), torch.no_grad():
            for place, value in zip(self.inputs, inputs, strict=True):
                place.copy_(value)
            self.graph.replay()
            return self.outputs.clone()


# per net: the shape of its last batch, and the launches recorded for it (False: it cannot be)
_recorded: WeakKeyDictionary[nn.Module, tuple[torch.Size, Recorded | Literal[False] | None]]
_recorded = WeakKeyDictionary()


def replay(net: nn.Module, batch: Tensor) -> Tensor:
    """Return `net(batch)`; from the second batch of one shape on, by a CUDA graph.

    Args:
        net: a copy for evaluation on the GPU, whose weights stay where they are.
        batch: on the same GPU.
    """
    if any(module._forward_hooks or module._forward_pre_hooks for module in net.modules()):
        return net(batch)  # a graph would leave them out
    body = net
    if type(net) is FaceNet:  # its preparation copies constants from the CPU
        body, batch = net.trunk, net.prepare(batch)
    shape, recorded = _recorded.get(net, (None, None))
    if shape != batch.shape:
        _recorded[net] = (batch.shape, None)
        return body(batch)
    if recorded is None:
        recorded = record(body, batch)
        _recorded[net] = (shape, recorded)
    return recorded.replay(batch) if recorded else body(batch)


def record(work: Callable[..., Tensor], *inputs: Tensor) -> Recorded | Literal[False]:
    """Record the launches of `work`; False where it waits for the GPU or copies from the CPU.

    Args:
        work: gives one tensor; of what changes from call to call, it reads its inputs only.
        inputs: on the GPU, to try it on.
    """
    device = inputs[0].device
    # no inference mode: the random generator, too, keeps tensors that are made here
    with torch.inference_mode(False), torch.no_grad(), torch.cuda.device(device):
        places = tuple(value.clone(memory_format=torch.preserve_format) for value in inputs)
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):  # libraries choose their kernels and take their memory
                work(*places)
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                outputs = work(*places)
        except RuntimeError:
            return False
    return Recorded(graph, places, outputs)
