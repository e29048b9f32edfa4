"""What is kept of a net from one map to the next, and how it is known that the net is as it was.

A net made ready for an engine is kept only where a change of the net cannot go unnoticed: at every
map all that the forward pass reads is read again, as far as anybody can know what that is. Where
it cannot be known (hooks, objects of unknown kinds, autocast), nothing is kept, and the net itself
is asked. What slips through here is found out by the check in `dispatch.run`, which asks the net.
"""

import builtins
import dis
import sys
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import is_dataclass
from enum import Enum
from functools import lru_cache, partial
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, NoneType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as nn_module

# Attributes of every module: its parts, hooks and mode, which are compared otherwise.
PARTS = frozenset(vars(nn.Module()))
# Of other values, these are compared by themselves, and those hold what is compared.
PLAIN = frozenset((int, str, bytes, bool, NoneType, type(Ellipsis)))
SEQUENCES = frozenset((tuple, list, torch.Size))
SETS = frozenset((set, frozenset))
MAPPINGS = frozenset((dict, OrderedDict))
NAMES = (Enum, torch.dtype, torch.device)

# Where nobody changes the code of a function while the program runs, nor what it reads.
SETTLED = sys.stdlib_module_names | {"fer_utils", "numpy", "torch", "torchvision"}

_kept: WeakKeyDictionary[nn.Module, tuple[tuple, dict[Hashable, Any]]] = WeakKeyDictionary()


def kept(net: nn.Module) -> dict[Hashable, Any] | None:
    """Return what was kept of a net, by name, to look into and to add to; empty after any change.

    Returns:
        None for a net that may change unseen: nothing can be kept of it.
    """
    state = fingerprint(net)
    if state is None:
        forget(net)
        return None
    if net not in _kept or _kept[net][0] != state:
        _kept[net] = (state, {})
    return _kept[net][1]


def forget(net: nn.Module) -> None:
    """Drop all that was kept of a net."""
    _kept.pop(net, None)


def fingerprint(net: nn.Module) -> tuple | None:
    """Return what tells a changed net: all that its forward pass reads, tensors by a checksum.

    Torch's own version counters miss changes through `.data` or numpy, so every byte is read: of a
    GPU's tensors there, beside a copy of them.

    Returns:
        None for a net that may change unseen: it has hooks, a `forward` of its own beside its
        class's, or reads things of which nothing is known; or something outside takes part in
        what torch computes (autocast, modes, global hooks).
    """
    if nn_module._global_forward_hooks or nn_module._global_forward_pre_hooks:
        return None
    if torch._C._len_torch_function_stack() or torch._C._len_torch_dispatch_stack():
        return None
    if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        return None
    reader = _Reader()
    try:
        modules = list(net.modules())
        settings = tuple(map(reader.settings, modules))
        classes = tuple(map(reader.kind, dict.fromkeys(map(type, modules))))
        held = [held for m in modules for held in (m._parameters, m._buffers)]
        tensors = {id(t): t for some in held for t in some.values() if t is not None}
        numbers = _numbers(tensors.values())
    except (_Unknown, RecursionError):
        return None
    return torch.get_default_dtype(), settings, classes, numbers


class _Unknown(Exception):
    """A value that may change without being told."""


class _Reader:
    """Reads values into what they are compared by; each class and function once.

    Every method raises `_Unknown` where nothing is known of a value.
    """

    def __init__(self) -> None:
        self._read: set[object] = set()

    def settings(self, module: nn.Module) -> tuple:
        """Return a module's class, parts and plain attributes; not the numbers of its tensors."""
        own = vars(module)
        # what a hook or another forward does may depend on anything
        if own["_forward_hooks"] or own["_forward_pre_hooks"] or "forward" in own:
            raise _Unknown
        values = tuple([(name, self.value(own[name])) for name in own if name not in PARTS])
        # the ids tell of a layer that was exchanged for another with the same numbers, or with none
        held = [own["_modules"], own["_parameters"], own["_buffers"]]
        parts = tuple([(*named, *map(id, named.values())) for named in held])
        return id(module), type(module), parts, values

    def kind(self, kind: type) -> tuple:
        """Return a class with its methods and values, those of its bases included."""
        read: list[Any] = [kind, getattr(kind, "forward", None)]
        for base in kind.__mro__:
            if base in self._read:
                continue
            self._read.add(base)
            if base.__module__.partition(".")[0] in SETTLED - {"fer_utils"}:
                read.append(tuple(vars(base).values()))
                continue
            for name, value in vars(base).items():
                # Python's own notes on a class (where it stands, what it says of itself)
                if not name.startswith("__") or isinstance(value, FunctionType):
                    read.append((base, name, self.value(value)))
        return tuple(read)

    def value(self, value: Any) -> Any:
        """Return what a value is compared by."""
        kind = type(value)
        if kind in PLAIN:
            return kind, value
        if kind in (float, complex):
            return kind, repr(value)  # -0.0 is not 0.0, and nan is nan
        if kind in SEQUENCES:
            if PLAIN.issuperset(kinds := tuple(map(type, value))):
                return kind, kinds, tuple(value)
            return (kind, *map(self.value, value))
        if kind in MAPPINGS:
            return kind, tuple((self.value(key), self.value(one)) for key, one in value.items())
        if kind in SETS:
            return kind, frozenset(map(self.value, value))
        if isinstance(value, NAMES):
            return value
        if isinstance(value, Tensor):
            return _checksum(value)
        if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
            return kind, value.dtype, value.shape, value.tobytes()
        return self._object(value, kind)

    def _object(self, value: Any, kind: type) -> Any:
        if kind is FunctionType:
            return self._function(value)
        if isinstance(value, type):
            return self.kind(value)
        if kind in (staticmethod, classmethod):
            return kind, self.value(value.__func__)
        if kind is property:
            return kind, self.value((value.fget, value.fset))
        if kind is partial:
            return kind, self.value((value.func, value.args, value.keywords))
        if is_dataclass(value) and hasattr(value, "__dict__"):
            return self.kind(kind), self.value(vars(value))
        if isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, nn.Module):
            return kind, value  # torch.relu
        raise _Unknown

    def _function(self, function: FunctionType) -> tuple:
        """Return a function with what it reads besides its arguments."""
        read: list[Any] = [function, function.__code__]
        if function in self._read:
            return tuple(read)
        self._read.add(function)
        read += [self.value(function.__defaults__), self.value(function.__kwdefaults__)]
        try:
            read += [self.value(cell.cell_contents) for cell in function.__closure__ or ()]
        except ValueError:  # a cell that is still empty
            raise _Unknown from None
        outside = function.__globals__
        if str(outside.get("__name__")).partition(".")[0] in SETTLED:
            return tuple(read)
        names, attributes = _names(function.__code__)
        for name in names:
            if name not in outside:
                read.append((name, getattr(builtins, name, None)))
            elif not isinstance(outside[name], ModuleType):
                read.append((name, self.value(outside[name])))
            elif outside[name].__name__.partition(".")[0] not in SETTLED:
                held = vars(outside[name])
                read += [(name, self.value(held[one])) for one in attributes if one in held]
        return tuple(read)


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the global names that code loads, and the attributes, functions inside included."""
    names: dict[str, None] = {}
    attributes: dict[str, None] = {}
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names[step.argval] = None
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes[step.argval] = None
        elif step.opname == "IMPORT_NAME":
            raise _Unknown
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            more = _names(inner)
            names |= dict.fromkeys(more[0])
            attributes |= dict.fromkeys(more[1])
    return tuple(names), tuple(attributes)


class _Copied:
    """Tensors of one GPU, copied there: to fetch them for a checksum would take longer than a map.

    Two are equal where all the bytes are.
    """

    def __init__(self, tensors: Iterable[Tensor]):
        self.bytes = torch.cat([_as_bytes(tensor) for tensor in tensors])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Copied) and torch.equal(self.bytes, other.bytes)

    __hash__ = None  # type: ignore[assignment]  # nor can it be a key


def _numbers(tensors: Iterable[Tensor]) -> tuple:
    """Return what tensors are compared by."""
    here: list[tuple] = []
    elsewhere: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        if _is_far(tensor):
            elsewhere.setdefault(tensor.device, []).append(tensor)
        else:
            here.append(_checksum(tensor))
    far = [(tuple(map(_kind, some)), _Copied(some)) for some in elsewhere.values()]
    return (*here, *far)


def _is_far(tensor: Tensor) -> bool:
    return tensor.device.type == "cuda"


def _kind(tensor: Tensor) -> tuple:
    """Return what a tensor is but for its numbers.

    Raises:
        _Unknown: it is of a kind whose bytes do not say all.
    """
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
        raise _Unknown
    return tensor.device, tensor.dtype, tensor.shape


def _as_bytes(tensor: Tensor) -> Tensor:
    data = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return data.reshape(-1).view(torch.uint8)


def _checksum(tensor: Tensor) -> tuple:
    """Return a tensor's kind and the CRC of its bytes; may raise `_Unknown`."""
    kind = _kind(tensor)
    try:
        return *kind, zlib.crc32(tensor.detach().numpy().data)
    except (TypeError, ValueError, BufferError, RuntimeError):
        # elsewhere than in this memory, not side by side, or of a type that numpy does not have
        return *kind, zlib.crc32(_as_bytes(tensor.detach().cpu()).numpy().data)
