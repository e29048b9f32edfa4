"""Packages whose parts are loaded when they are first named (PEP 562)."""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module

from fer_utils.emotions import nearest


def door(
    package: str,
    public: Collection[str],
    modules: Collection[str],
    home: Mapping[str, str] | None = None,
) -> Callable[[str], object]:
    """Return a package's `__getattr__`.

    Args:
        package: its name.
        public: what is suggested for a mistyped name.
        modules: those of the package that open by their own names.
        home: name of a function or class -> module of the package that has it.
    """

    def load(name: str) -> object:
        if home is not None and name in home:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        if name in modules:
            return import_module(f"{package}.{name}")
        text = f"module {package!r} has no attribute {name!r}."
        if not name.startswith("_"):
            text += nearest(name, public)
        # Python would add a "Did you mean" of its own, which Jupyter never shows: without an
        # object to look into it adds none
        raise AttributeError(text, name=name, obj=None)

    return load
