"""torchvision imports beside whichever torch is installed, after `models.torchvision()`."""

import subprocess
import sys
import types

import pytest

from fer_utils import _torchvision


def test_torchvision_transforms_and_networks_run_in_a_fresh_process():
    """In a process of its own: nothing undoes the import in a running one."""
    code = """
from fer_utils import models as kit
module = kit.torchvision()
import torch, torchvision
assert torchvision is module and kit.torchvision() is module
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


@pytest.fixture
def imports(monkeypatch):
    """Replaces the import of torchvision: answers from a list, an exception is raised."""
    answers = []

    def import_module(name):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(_torchvision.importlib, "import_module", import_module)
    return answers


def test_nothing_is_declared_where_torchvision_works(imports):
    before = list(_torchvision._declared)
    working = types.ModuleType("torchvision")
    imports.append(working)
    assert _torchvision.load() is working
    assert _torchvision._declared == before


def test_another_failure_is_passed_on(imports):
    imports.append(RuntimeError("no kernel image is available"))
    with pytest.raises(RuntimeError, match="no kernel image"):
        _torchvision.load()


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
