"""Pixels that are guessed from those around them, as ROAD removes them."""

from functools import lru_cache
from typing import Any

import numpy as np


def impute(
    picture: np.ndarray, removed: np.ndarray, noise: float, random: np.random.Generator
) -> np.ndarray:
    """Return a picture whose removed pixels are the weighted means of their neighbors, plus noise.

    Of the eight neighbors those beside, above and below weigh twice as much as those at the
    corners; at the border there are fewer. All removed pixels are found at once, so a neighbor may
    be a removed one. Source: Rong et al. (2022), section 4.3 and the authors' code, which quantus
    0.6.0 has taken over.

    Args:
        picture: float (C, H, W).
        removed: bool (H, W), not everywhere True.
        noise: standard deviation of what is added to a removed pixel, Gaussian.
        random: of the noise.
    """
    from scipy.sparse import linalg  # only who asks for it waits

    flat, holes = picture.reshape(len(picture), -1).copy(), removed.ravel()
    if not holes.any():
        return flat.reshape(picture.shape)
    near, total = _neighbors(*removed.shape)
    rows = near[holes]
    system = total[holes][:, holes] - rows[:, holes]
    found = linalg.splu(system.tocsc()).solve(rows[:, ~holes] @ flat[:, ~holes].T)
    flat[:, holes] = found.T + noise * random.standard_normal((len(flat), len(found)))
    return flat.reshape(picture.shape)


@lru_cache(maxsize=4)
def _neighbors(height: int, width: int) -> tuple[Any, Any]:
    """Return the neighbors' weights (H * W, H * W), sparse, and their sums as a diagonal."""
    from scipy import sparse

    def beside(side: int) -> Any:
        return sparse.diags([1.0, 1.0], [-1, 1], shape=(side, side))

    down, across = beside(height), beside(width)
    straight = sparse.kron(down, sparse.eye(width)) + sparse.kron(sparse.eye(height), across)
    weights = (straight / 6 + sparse.kron(down, across) / 12).tocsr()
    return weights, sparse.diags(np.asarray(weights.sum(1)).ravel()).tocsr()
