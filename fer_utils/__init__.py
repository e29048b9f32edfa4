"""Learn how machines read facial expressions, and see what they look at while they do it.

A picture of a face goes in at `data`, becomes channels in `inputs`, scores in `models`, numbers
in `evaluate`, and a map of what the model looked at in `saliency`. The notebooks walk that way.
"""

import os
import random

import numpy as np
import torch

from fer_utils.errors import FerError

__version__ = "0.1.0"
__all__ = ["FerError", "setup"]

DATASET_VARIABLE = "FER_UTILS_DATASET"


def setup(dataset: str = "facs3d", seed: int = 0) -> str:
    """Prepare a notebook: check that the data set is there, and fix every random generator.

    Args:
        dataset: an entry of `data.names()`. The environment variable FER_UTILS_DATASET, where
            it is set, is taken instead, so that all notebooks can be run on another data set
            without changing them.
        seed: for Python, numpy and torch.

    Returns:
        The name of the data set.

    Raises:
        FerError: the data set is unknown or not found; the message says how to get it.
    """
    from fer_utils import data

    dataset = os.environ.get(DATASET_VARIABLE) or dataset
    data.check(dataset)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    print(f"fer_utils {__version__} on {dataset}, seed {seed}")
    return dataset
