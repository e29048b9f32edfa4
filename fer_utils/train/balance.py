"""Rare classes: faces that count more, or that come more often.

In FER2013, 436 of 28,709 training faces show disgust, 7,215 happiness: a net that never says
disgust is hardly ever wrong.
"""

import torch
from torch import Tensor


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return how much a face of each class counts in the loss, float (K,): N / (K n).

    `n` of the N faces are of the class, so the weights of all faces add up to N; scikit-learn calls
    these weights "balanced".

    Args:
        labels: int64 (N,), with every class.
        classes: how many there are, K.
    """
    return len(labels) / (classes * torch.bincount(labels, minlength=classes).float())


def per_class(labels: Tensor, balance: str) -> int:
    """Return how many faces of each class an epoch has; 0 where it has every face once."""
    counts = torch.bincount(labels)
    # rounded up, so that an epoch is never shorter than before
    even, largest = -(-len(labels) // len(counts)), int(counts.max())
    many = {"sampler": even, "oversample": largest, "augment": largest}
    return many.get(balance, 0)


def draw_order(labels: Tensor, each: int, generator: torch.Generator) -> Tensor:
    """Return the numbers of an epoch's faces in the order in which they are learned, int64 (M,).

    Args:
        labels: int64 (N,), with every class of K.
        each: of `per_class`; 0 draws every face once, M = N, else M = K each. Faces of a class
            come equally often, up to one time; who comes once more is drawn anew every epoch.
        generator: random numbers, on the device of `labels`.
    """
    order = torch.randperm(len(labels), generator=generator, device=labels.device)
    if not each:
        return order
    counts = torch.bincount(labels)
    # The shuffled faces class after class; of each class go around its part as often as need be.
    order = order[labels[order].argsort(stable=True)]
    starts = counts.cumsum(0) - counts
    steps = torch.arange(each, device=labels.device)
    rows = order[starts[:, None] + steps % counts[:, None]].flatten()
    return rows[torch.randperm(len(rows), generator=generator, device=labels.device)]
