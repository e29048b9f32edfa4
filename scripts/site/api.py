"""A page for every public room, from its `__all__`; what stands on it are the docstrings."""

import inspect
from importlib import import_module
from types import ModuleType

ROOMS = "inputs emotions data models train evaluate saliency translate detect plots widgets papers"
MODULES = ("fer_utils", *(f"fer_utils.{room}" for room in ROOMS.split()), "faces3d")


def pages() -> dict[str, str]:
    """Return {file name: reStructuredText} of all rooms, and of the page that lists them."""
    written = {f"{name}.rst": page(name) for name in MODULES}
    lines = [
        _heading("Reference"),
        "What the notebooks use, room by room, as the docstrings say it.",
        "Arrows point one way: data, inputs, models, then train, evaluate and saliency, then plots",
        "and widgets.\n",
        *(f"- :doc:`{name}`: {_first_line(name)}" for name in MODULES),
        "\n.. toctree::\n   :hidden:\n",
        *(f"   {name}" for name in MODULES),
    ]
    return {"index.rst": "\n".join(lines) + "\n", **written}


def page(name: str) -> str:
    """Return the page of one module."""
    module = import_module(name)
    parts = [_heading(name), f".. automodule:: {name}\n", f".. currentmodule:: {name}\n"]
    found = {public: getattr(module, public) for public in sorted(module.__all__, key=str.lower)}
    found = dict(sorted(found.items(), key=lambda pair: isinstance(pair[1], ModuleType)))
    rooms = {public for public in found if f"{name}.{public}" in MODULES}
    for public, thing in found.items():
        if public not in rooms and not public.startswith("__"):
            parts.append(_directive(name, public, thing))
    return "\n".join(parts)


def _first_line(name: str) -> str:
    return (import_module(name).__doc__ or "").partition("\n")[0]


def _directive(module: str, public: str, thing: object) -> str:
    if isinstance(thing, ModuleType):
        return (
            f"{_heading(f'{module}.{public}', '-')}\n.. automodule:: {thing.__name__}\n"
            f"   :members:\n\n.. currentmodule:: {module}\n"
        )
    if inspect.isclass(thing):
        return f".. autoclass:: {public}\n   :members:\n"
    if inspect.isroutine(thing):
        return f".. autofunction:: {public}\n"
    words = _shown(thing)
    return f".. py:data:: {public}\n\n   {words}\n"


def _shown(thing: object) -> str:
    """Say what a constant is: its keys, or its value where that is short."""
    if isinstance(thing, dict):
        return f"A table by name: {', '.join(f'``{key}``' for key in thing)}."
    value = " ".join(repr(thing).split())
    many = f", {len(thing)} of them" if hasattr(thing, "__len__") else ""
    return f"``{value}``" if len(value) < 200 else f"A {type(thing).__name__}{many}."


def _heading(words: str, line: str = "=") -> str:
    return f"{words}\n{line * len(words)}\n"
