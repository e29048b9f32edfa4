"""torchvision imports beside whichever torch is installed, after `import fer_utils`."""

import subprocess
import sys
import types

import pytest

from fer_utils import _torchvision


def test_torchvision_transforms_and_networks_run_in_a_fresh_process():
    """In a process of its own: nothing undoes the import in a running one."""
    code = """
import fer_utils
import torch, torchvision
assert fer_utils.models.torchvision() is torchvision
from torchvision import models
from torchvision.transforms import v2
pictures = torch.zeros(2, 3, 48, 48)
assert v2.RandomRotation(10)(pictures).shape == (2, 3, 48, 48)
assert models.squeezenet1_1()(pictures).shape == (2, 1000)
import captum.attr
print("fine")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "fine\n", result.stderr


class Loader:
    """Loads torchvision as its own would: each time it raises, or does nothing."""

    def __init__(self, *ends):
        self.ends = list(ends)

    def exec_module(self, module):
        if (end := self.ends.pop(0)) is not None:
            raise end


def test_where_operators_are_missing_they_are_declared_and_it_begins_again(monkeypatch):
    declared = []
    monkeypatch.setattr(_torchvision, "_declare", lambda: declared.append(1))
    monkeypatch.setattr(_torchvision, "_forget_half_imported", lambda: None)
    module = types.ModuleType("torchvision")
    missing = Loader(RuntimeError("operator torchvision::nms does not exist"), None)
    _torchvision.Patient(missing).exec_module(module)
    assert declared == [1] and not missing.ends
    _torchvision.Patient(Loader(None)).exec_module(module)  # it works by itself
    with pytest.raises(RuntimeError, match="no kernel image"):
        other = Loader(RuntimeError("no kernel image is available"))
        _torchvision.Patient(other).exec_module(module)
    assert declared == [1]


def test_nothing_but_torchvision_is_found_here():
    finder = _torchvision.Finder()
    assert finder.find_spec("torch") is None and finder.find_spec("torchvision.models") is None
    assert isinstance(finder.find_spec("torchvision").loader, _torchvision.Patient)
    assert sum(isinstance(one, _torchvision.Finder) for one in sys.meta_path) == 1


def test_half_imported_modules_are_forgotten(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.half", types.ModuleType("torchvision.half"))
    monkeypatch.setitem(sys.modules, "torchvisionary", types.ModuleType("torchvisionary"))
    kept = {k: v for k, v in sys.modules.items() if k.split(".")[0] == "torchvision"}
    try:
        _torchvision._forget_half_imported()
        assert "torchvision.half" not in sys.modules
        assert "torchvisionary" in sys.modules
    finally:
        sys.modules.update(kept)
