"""Learn how machines read facial expressions, and see what they look at while they do it.

A picture of a face goes in at `data` (`detect` finds faces in photographs), becomes channels in
`inputs`, scores in `models`, numbers in `evaluate`, and a map of what the model looked at in
`saliency`. The notebooks walk that way.
Each of these is loaded when it is first used: `import fer_utils as fer; fer.data.load("facs3d")`.
"""

from __future__ import annotations

import os as _os
import sys as _sys
from typing import TYPE_CHECKING

from fer_utils import _torchvision
from fer_utils._lazy import door as _door
from fer_utils.errors import FerError

if TYPE_CHECKING:
    from fer_utils import (
        data,
        detect,
        emotions,
        evaluate,
        inputs,
        models,
        papers,
        plots,
        saliency,
        train,
        translate,
        widgets,
    )

__version__ = "0.1.0"
__all__ = [
    "FerError",
    "__version__",
    "data",
    "detect",
    "emotions",
    "evaluate",
    "inputs",
    "models",
    "papers",
    "plots",
    "saliency",
    "setup",
    "train",
    "translate",
    "widgets",
]

DATASET_VARIABLE = "FER_UTILS_DATASET"

_torchvision.watch()

_WITH_TORCH = {"evaluate", "inputs", "models", "saliency", "train"}
_load = _door(__name__, __all__, modules=__all__)


def _open(name: str) -> object:
    """Load a room; in a notebook, say so where that takes seconds."""
    if name not in _WITH_TORCH or "torch" in _sys.modules:
        return _load(name)
    from fer_utils._progress import said

    with said("loading torch, a few seconds ..."):
        return _load(name)


if not TYPE_CHECKING:  # a type checker knows the names above, and is to find the wrong ones
    __getattr__ = _open


def __dir__() -> list[str]:
    return list(__all__)


def setup(dataset: str = "facs3d", seed: int = 0) -> str:
    """Prepare a notebook: check the data set, fix every random generator, give figures one look.

    What matplotlib draws from here on looks like the figures of `plots`; a style that is set
    afterwards is kept.

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
    import random

    import matplotlib
    import numpy as np
    import torch

    from fer_utils import data
    from fer_utils._arguments import seed as check_seed
    from fer_utils.plots.picture import LOOK

    seed = check_seed(seed)
    dataset = _os.environ.get(DATASET_VARIABLE) or dataset
    data.check(dataset)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    matplotlib.rcParams.update(LOOK)
    print(f"fer_utils {__version__} on {dataset}, seed {seed}")
    return dataset
