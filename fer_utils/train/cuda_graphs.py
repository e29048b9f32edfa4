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

from fer_utils.train.step import Step

EAGER_STEPS = 3
REFUSED = "the training step cannot be recorded as a CUDA graph and runs kernel by kernel: "


class Recorder:
    """Carries steps out: kernel by kernel at first, from a recording when nothing changes any more.

    The steps before the recording are ordinary ones, the recording itself computes nothing: the
    numbers are those of a training without it. A smaller last batch is never recorded.
    """

    def __init__(self, step: Step):
        self.step = step
        self.plain, self.seen, self.recording, self.refused = None, 0, None, False

    def __call__(
        self, rows: Tensor, mix: tuple[Tensor, Tensor] | None, plain: bool, steady: bool
    ) -> None:
        """Do as `Step` does."""
        if plain != self.plain:  # another step: dropout and augmentation are on now
            self.plain, self.seen, self.recording = plain, 0, None
        self.seen += steady
        if self.refused or not steady or self.seen < EAGER_STEPS:
            self.step(rows, mix, plain, steady)
        elif self.seen == EAGER_STEPS:
            if waits_for_the_device(lambda: self.step(rows, mix, plain, steady)):
                self.refuse("it waits for the GPU, e.g. with .item() or by copying numbers to it")
        else:
            if self.recording is None:
                self.recording = self.record(rows, mix)
            if self.recording is None:
                self.step(rows, mix, plain, steady)
            else:
                self.recording.replay(rows, mix)

    def record(self, rows: Tensor, mix: tuple[Tensor, Tensor] | None) -> "Recording | None":
        """Return a recording of the step, None where that fails."""
        try:
            return Recording(self.step, rows, mix, self.plain)
        except RuntimeError as problem:
            self.refuse(str(problem).partition("\n")[0])
            return None

    def refuse(self, why: str) -> None:
        """Record nothing from now on."""
        self.refused = True
        warnings.warn(REFUSED + why, stacklevel=2)


class Recording:
    """A step on fixed places in memory.

    Attributes:
        places: where rows, share and partners of the mixture are put before the step runs.
        gradients: the weights that learn, with the places where the step leaves their gradients.
    """

    def __init__(self, step: Step, rows: Tensor, mix: tuple[Tensor, Tensor] | None, plain: bool):
        self.places = [each.clone() for each in (rows, *(mix or ()))]
        fixed = tuple(self.places[1:]) or None
        self.run = record(lambda: step(self.places[0], fixed, plain, True), step.generator)
        self.gradients = [(weight, weight.grad) for weight in step.net.parameters()]

    def replay(self, rows: Tensor, mix: tuple[Tensor, Tensor] | None) -> None:
        """Run the step on another batch of the same size."""
        for place, value in zip(self.places, (rows, *(mix or ())), strict=True):
            place.copy_(value)
        self.run()
        for weight, gradient in self.gradients:  # a batch in between may have left its own
            weight.grad = gradient


def record(work: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
    """Record the kernels that `work` launches, and return what launches them again."""
    graph = torch.cuda.CUDAGraph()
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
