"""Pictures that stay in their file: a batch comes to the device when it is its turn.

A data set lies on the device as a whole where it fits (`step.on_device`). Where it does not, a
thread reads the next batch from the memory-mapped file while the net learns from this one.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from fer_utils.data import _cache
from fer_utils.data.faceset import FaceSet

#: Share of the memory that a data set's pictures may take before they are streamed: of what is free
#: on a GPU, where the net's own activations want the rest; on a CPU of all there is.
SHARE = {"cuda": 0.5, "cpu": 0.25}


class Streamed:
    """Training pictures in a file, used like a tensor uint8 (N, C, H, W) on the device.

    `images[rows]` is the batch that `batches` has just handed out, whatever `rows` says. On a GPU
    it always lies at the same place, as a CUDA graph needs it.

    Attributes:
        array: all pictures, e.g. memory-mapped.
        device: where the batches go.
    """

    def __init__(self, array: np.ndarray, batch: int, device: torch.device):
        self.array, self.device = array, device
        on_gpu = device.type == "cuda"
        shape = (min(batch, len(array)), *array.shape[1:])
        # Two places to read into: one is filled while the other is used. From pinned memory, which
        # the system never moves to disk, a copy to the GPU goes on while Python does.
        self._read_into = [torch.empty(shape, dtype=torch.uint8, pin_memory=on_gpu) for _ in "ab"]
        self._copied = [torch.cuda.Event() for _ in "ab"] if on_gpu else []
        self._place = torch.empty(shape, dtype=torch.uint8, device=device)

    def __len__(self) -> int:
        """Return N."""
        return len(self.array)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return the batch whose turn it is."""
        return self._place[: len(rows)]

    def batches(self, order: Tensor, batch: int) -> Iterator[Tensor]:
        """Yield `order.split(batch)`, each part when its pictures lie on the device."""
        numbers = [part.numpy() for part in order.cpu().split(batch)]
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._read, numbers[0], 0)
            for index, rows in enumerate(order.split(batch)):
                this, other = index % 2, (index + 1) % 2
                pictures = coming.result()
                if index + 1 < len(numbers):
                    if self._copied:  # the batch before this one may still be on its way
                        self._copied[other].synchronize()
                    coming = reader.submit(self._read, numbers[index + 1], other)
                if self._copied:
                    self._place[: len(rows)].copy_(pictures, non_blocking=True)
                    self._copied[this].record()
                else:
                    self._place = pictures
                yield rows

    def _read(self, rows: np.ndarray, place: int) -> Tensor:
        # The thread calls nothing of CUDA: that would break a recording that is under way.
        pictures = self._read_into[place][: len(rows)]
        # numpy reads without Python's lock, so that the training goes on; "clip" spares it a copy
        np.take(self.array, rows, axis=0, out=pictures.numpy(), mode="clip")
        _cache.forget(self.array)
        return pictures


def streamed(images: Tensor | np.ndarray, batch: int, device: torch.device) -> Tensor | Streamed:
    """Return images that lie on the device as they are, and an array as one that is streamed."""
    return Streamed(images, batch, device) if isinstance(images, np.ndarray) else images


def batches(images: Tensor | Streamed, order: Tensor, batch: int) -> Iterator[Tensor]:
    """Yield the rows of an epoch, batch by batch, wherever the pictures lie."""
    if isinstance(images, Streamed):
        return images.batches(order, batch)
    return iter(order.split(batch))


def must_stream(train: FaceSet, valid: FaceSet, device: torch.device) -> str:
    """Say in a line why the pictures have to stay in their file; "" where they fit."""
    pictures = train.images.nbytes + valid.images.nbytes
    memory: float
    if device.type == "cuda":
        memory, what = torch.cuda.mem_get_info(device)[0], "GPU memory that is free"
    elif isinstance(train.images, np.memmap):
        memory, what = physical_memory(), "memory"
    else:  # in memory already
        return ""
    share = SHARE[device.type]
    if pictures <= share * memory:
        return ""
    return (
        f"{train.name}: {pictures / 1e9:.1f} GB of pictures are more than {share:.0%} of the "
        f"{memory / 1e9:.1f} GB of {what}; they are read from their file batch by batch."
    )


def physical_memory() -> float:
    """Return the bytes of memory of this machine; infinite where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return float("inf")
