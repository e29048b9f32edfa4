"""The rooms of the house: who may import whom, and nobody in a circle."""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import fer_utils

ROOT = Path(fer_utils.__file__).parents[1]
FILES = [
    path
    for package in ("faces3d", "fer_utils", "fer_lab")
    for path in sorted((ROOT / package).rglob("*.py"))
]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FILES}


def is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def statements(body: list[ast.stmt], inside_functions: bool):
    """Every statement that is carried out on import, or also those inside functions."""
    for node in body:
        if is_for_types(node):
            continue
        yield node
        if inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "orelse", "finalbody", "handlers"):
                yield from statements(getattr(node, field, []), inside_functions)


def imports(path: Path, inside_functions: bool = False) -> set[str]:
    """The project's modules that a file imports."""
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body, inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found & set(MODULES)


def test_no_module_imports_itself_on_the_way():
    waiting = {name: imports(path) - {name} for name, path in MODULES.items()}
    while free := [name for name, needs in waiting.items() if not needs & set(waiting)]:
        for name in free:
            del waiting[name]
    assert not waiting, f"these import each other: {', '.join(waiting)}"


WORK = ("train", "evaluate", "saliency", "translate")


@pytest.mark.parametrize("name", MODULES)
def test_arrows_point_one_way(name):
    used = imports(MODULES[name], inside_functions=True)
    rooms = {module.split(".")[1] for module in used if module.startswith("fer_utils.")}
    if name.startswith("faces3d"):
        known = {"errors", "emotions", "files"}
        assert rooms <= known
        assert not any(module.startswith("fer_lab") for module in used)
    if name.startswith("fer_utils"):
        assert not any(module.startswith("fer_lab") for module in used)
    if name.startswith(("fer_utils.models", "fer_utils.inputs", "fer_utils.pictures")):
        assert not rooms & {"data", "train", "evaluate", "saliency", "plots", "widgets"}
    if name.startswith(tuple(f"fer_utils.{room}" for room in WORK)):
        assert not rooms & {"plots", "widgets", "commands"}
    if name.startswith("fer_utils.detect"):
        assert not rooms & {"train", "evaluate", "saliency", "plots", "widgets"}
    if name.startswith("fer_utils.plots"):
        assert not rooms & {"widgets", "commands"}
    if not name.startswith("fer_utils.widgets"):
        assert name == "fer_utils" or "widgets" not in rooms


PACKAGES = [name for name, path in MODULES.items() if path.name == "__init__.py"]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_says_what_is_public(name):
    package = import_module(name)
    assert all(
        hasattr(package, public) or find_spec(f"{name}.{public}") for public in package.__all__
    )
