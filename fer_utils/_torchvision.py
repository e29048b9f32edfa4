"""Makes `import torchvision` work beside a torch without CUDA.

The torchvision on PyPI for Linux is built for CUDA. Beside a CPU build of torch its compiled
operators do not load, and the import stops with "operator torchvision::nms does not exist",
although transforms, networks and data sets need no compiled operator. Declaring the two operators
that the import asks for is enough. `import fer_utils` sees to it that this is done when torchvision
is imported, by whomever. Where torchvision works by itself, nothing is done.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# As torchvision declares them in csrc/ops/nms.cpp and csrc/ops/quantized/cpu/qnms_kernel.cpp.
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A library's declarations last as long as the object: it is kept here.
_declared: list[object] = []


def load() -> ModuleType:
    """Return the module torchvision: `models.torchvision().models.resnet18()`.

    A plain `import torchvision`, after `import fer_utils`, is the same. Takes a second, the time
    torchvision takes to import.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: torchvision does not import for another reason than the missing operators.
    """
    return importlib.import_module("torchvision")


class Patient(Loader):
    """Loads torchvision; where its operators are missing, declares them and begins again."""

    def __init__(self, loader: Loader):
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the usual loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run torchvision's own `__init__`."""
        _forget_half_imported()  # of an import that stopped before there was this loader
        try:
            self.loader.exec_module(module)
        except RuntimeError as error:
            if "torchvision::nms does not exist" not in str(error):
                raise
            _forget_half_imported()
            _declare()
            self.loader.exec_module(module)


class Finder(MetaPathFinder):
    """Finds torchvision where Python does, for the patient loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how torchvision is loaded; of everything else, nothing."""
        spec = PathFinder.find_spec(name, path) if name == "torchvision" else None
        if spec is not None and spec.loader is not None:
            spec.loader = Patient(spec.loader)
        return spec


def watch() -> None:
    """Let every later `import torchvision` go through the patient loader."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())


def _declare() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    _declared.append(library)


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.startswith("torchvision.")]:
        del sys.modules[name]
