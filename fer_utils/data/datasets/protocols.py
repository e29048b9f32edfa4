"""The papers' splits, drawn again: the papers give sizes, never lists.

Which pictures a paper tested on is therefore not known. What is drawn here has the paper's sizes
and the paper's way of drawing (pictures, not people), with a fixed seed, so that everybody gets the
same. All of these splits put pictures of the same people on both sides, as the papers' did.
"""

import numpy as np

SEED = 0


def draw(
    labels: np.ndarray, *, test: int, valid: int = 0, per_class: bool = False, seed: int = SEED
) -> np.ndarray:
    """Return a random split: str (N,), "test", "valid" and, for the rest, "train".

    Args:
        labels: int64 (N,).
        test: how many test pictures; with `per_class`, of every class.
        valid: how many validation pictures, in all.
        per_class: draw `test` pictures of every class.
        seed: of the random numbers.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    if per_class:
        parts = [order[labels[order] == label][:test] for label in np.unique(labels)]
        chosen = np.concatenate(parts)
        order = np.concatenate([chosen, order[~np.isin(order, chosen)]])
        test = len(chosen)
    split = np.full(len(labels), "train")
    split[order[:test]] = "test"
    split[order[test : test + valid]] = "valid"
    return split
