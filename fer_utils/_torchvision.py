"""Makes `import torchvision` work beside a torch without CUDA.

The torchvision on PyPI for Linux is built for CUDA. Beside a CPU build of torch its compiled
operators do not load, and the import stops with "operator torchvision::nms does not exist",
although transforms, networks and data sets need no compiled operator. Declaring the two operators
that the import asks for is enough. Where torchvision works by itself, nothing here is done.
"""

import importlib
import sys
from types import ModuleType

import torch

# As torchvision declares them in csrc/ops/nms.cpp and csrc/ops/quantized/cpu/qnms_kernel.cpp.
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A library's declarations last as long as the object: it is kept here.
_declared: list[torch.library.Library] = []


def load() -> ModuleType:
    """Return the module torchvision: `models.torchvision().models.resnet18()`.

    Once it has been called, a plain `import torchvision` works too, beside a torch without CUDA
    as well. Takes a second, the time torchvision takes to import.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: torchvision does not import for another reason than the missing operators.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
    _forget_half_imported()
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    _declared.append(library)
    return importlib.import_module("torchvision")


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
