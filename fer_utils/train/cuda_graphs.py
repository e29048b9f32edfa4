"""CUDA graphs: the kernels of a step are recorded once, and then launched all together.

A step of a small net is some hundred kernels of a few microseconds each; launching them one by
one from Python takes longer than computing them. What is recorded is the step's arithmetic on
fixed places in memory, so everything that changes from step to step is copied there first, and
random numbers come from generators that the graph moves on.
Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from fer_utils.errors import FerError
from fer_utils.train.augment import Mix
from fer_utils.train.step import Step

# torch wants some steps in its usual way first: allocator, cuDNN and autograd settle in them.
EAGER_STEPS = 3
WARNING = "the training step cannot be recorded as a CUDA graph and runs kernel by kernel: "


class Recorder:
    """Runs steps: kernel by kernel (eager) at first, from a CUDA graph when nothing changes more.

    The steps before the recording are ordinary ones, the recording itself computes nothing: the
    numbers are those of a training without it. A smaller last batch is never recorded.

    Attributes:
        step: what is run.
        augmented: whether the steps at present augment, what a recording is made for.
        eager_steps: how many steps that could be recorded were run eagerly.
        recording: the CUDA graph, where there is one.
        disabled: recording was tried and does not work.
    """

    def __init__(self, step: Step):
        self.step = step
        self.augmented: bool | None = None
        self.eager_steps = 0
        self.recording: Recording | None = None
        self.disabled = False

    def __call__(self, rows: Tensor, mix: Mix | None, augmented: bool, capturable: bool) -> None:
        """Run one step, with the arguments of `Step`; only a capturable one is recorded."""
        if augmented != self.augmented:
            # other kernels from now on, since dropout is switched with augmentation: start anew
            self.augmented, self.eager_steps, self.recording = augmented, 0, None
        if self.disabled or not capturable:
            self.step(rows, mix, augmented, capturable)
        elif self.eager_steps < EAGER_STEPS:
            self.eager_steps += 1
            self.run_eagerly(rows, mix, augmented)
        else:
            if self.recording is None:
                self.recording = self.record(rows, mix, augmented)
            if self.recording is None:  # it failed just now
                self.step(rows, mix, augmented, capturable)
            else:
                self.recording.replay(rows, mix)

    def run_eagerly(self, rows: Tensor, mix: Mix | None, augmented: bool) -> None:
        """Run a step kernel by kernel; the last one before recording is watched as it runs."""
        if self.eager_steps < EAGER_STEPS:
            self.step(rows, mix, augmented, True)
        elif waits_for_the_device(lambda: self.step(rows, mix, augmented, True)):
            self.disable("it waits for the GPU, e.g. with .item() or by copying numbers to it")

    def record(self, rows: Tensor, mix: Mix | None, augmented: bool) -> "Recording | None":
        """Return a recording of the step, None where that fails."""
        try:
            return Recording(self.step, rows, mix, augmented)
        except (RuntimeError, FerError) as problem:
            self.disable(str(problem).partition("\n")[0])
            return None

    def disable(self, why: str) -> None:
        """Record nothing from now on."""
        self.disabled = True
        warnings.warn(WARNING + why, stacklevel=2)


class Recording:
    """A step on fixed places in memory.

    Attributes:
        places: where rows, share and partners of the mixture are put before the step runs.
        gradients: the weights that learn, with the places where the step leaves their gradients.
    """

    def __init__(self, step: Step, rows: Tensor, mix: Mix | None, augmented: bool):
        fixed_rows = rows.clone()
        fixed_mix = None if mix is None else (mix[0].clone(), mix[1].clone())
        self.places = [fixed_rows, *(fixed_mix or ())]
        self.run = record(lambda: step(fixed_rows, fixed_mix, augmented, True), step.generator)
        self.gradients = [(weight, weight.grad) for weight in step.net.parameters()]

    def replay(self, rows: Tensor, mix: Mix | None) -> None:
        """Run the step on another batch of the same size."""
        for place, value in zip(self.places, (rows, *(mix or ())), strict=True):
            place.copy_(value)
        self.run()
        # An eager step in between (a smaller batch) has hung gradients of its own on the weights,
        # while the graph goes on writing to its places: hang those there again.
        for weight, gradient in self.gradients:
            weight.grad = gradient


def record(work: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
    """Record the kernels that `work` launches, and return what launches them again."""
    graph = torch.cuda.CUDAGraph()
    # Without this a replay would repeat the random numbers of the recording. torch's default
    # generator (dropout) is registered by itself.
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        work()
    return graph.replay


def waits_for_the_device(work: Callable[[], None]) -> bool:
    """Do `work`, and return whether the CPU waited for the GPU on the way: that has no recording.

    Found out before recording, since a recording that breaks off leaves generators and memory
    in a state from which torch does not recover.
    """
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            work()
        finally:
            torch.cuda.set_sync_debug_mode(mode)
    return any("synchronizing CUDA operation" in str(warning.message) for warning in heard)
