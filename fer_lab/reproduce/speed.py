"""How fast a row's network learns on this machine: a few steps, timed."""

import json
import time

import torch

from fer_utils import models
from fer_utils.data import catalog
from fer_utils.papers import Claim

# Pictures per step: few of the large, whose networks take seconds for each.
_BATCH, _LARGE = 32, 2
_LARGE_FROM = 100  # pixels of a side


class Speed:
    """Pictures per second of networks, each timed when it is first asked for.

    Attributes:
        device: where they would be trained; None takes a GPU where there is one.
    """

    def __init__(self, device: str | None = None):
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._known: dict[str, float] = {}

    def of(self, experiment: dict) -> float:
        """Return the pictures per second of forward and backward pass, were the machine idle.

        Of one core, or of the GPU. The better of two steps, after one that only warms up; reading
        and augmenting is not in it.
        """
        key = json.dumps(experiment)
        if key not in self._known:
            net = models.create(**experiment, seed=0).train()
            # (torch's own stubs do not know this argument of `Module.to`)
            net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            batch = _LARGE if (net.input_size or 0) >= _LARGE_FROM else _BATCH
            pictures = torch.rand(batch, net.color_channels, *[net.input_size or 48] * 2)
            # Threads that wait for each other count as processor time: on a busy machine two
            # of them made an estimate ten times too long.
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                self._step(net, pictures)
                self._known[key] = batch / min(self._step(net, pictures) for _ in range(2))
            finally:
                torch.set_num_threads(threads)
        return self._known[key]

    def _step(self, net: torch.nn.Module, pictures: torch.Tensor) -> float:
        # Processor time, so that other programs do not count; a GPU has only the clock.
        clock = time.process_time if self.device == "cpu" else time.perf_counter
        started = clock()
        loss = net(pictures.to(self.device)).square().mean()
        loss.backward()
        loss.item()  # waits for a GPU
        return clock() - started


def training_faces(claim: Claim) -> int | None:
    """Return about how many faces an epoch of a row has, from its data set's card."""
    expected = catalog.get(claim.dataset).card.expected
    if "faces" not in expected and "splits" not in expected:
        return None
    faces = expected.get("splits", {}).get("train") or 0.7 * expected["faces"]
    if claim.setup.test:
        faces = (1 - claim.setup.test) * expected["faces"]
    if claim.setup.balanced and (counts := expected.get("classes")):
        faces *= len(counts) * max(counts.values()) / sum(counts.values())
    return round(faces)
