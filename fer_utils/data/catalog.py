"""The data sets that can be opened: a card for each, what it is, its licence, how to get it.

Every data set is one object, `Dataset`, in a module of its own: ``datasets/NAME.py``. `register`
adds one of your own. Nothing is opened, and no data set's module imported, before it is asked for.

Cards state only what a source states: the paper that presents a data set, its owners' page or
README, the five papers of the course. Counts per class were taken from lists of the files where the
owners publish none, and add up to the published totals.
"""

import contextlib
import gc
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, TypeVar

from fer_utils import _html
from fer_utils._arguments import NoSuchKey, shown
from fer_utils.data.datasets import NAMES
from fer_utils.emotions import FER7, nearest
from fer_utils.errors import FerError

if TYPE_CHECKING:
    from fer_utils.data._index import DatasetIndex
    from fer_utils.data.faceset import FaceSet


@dataclass(frozen=True)
class Download:
    """Where a public downloader library fetches a data set with the user's own account.

    Attributes:
        library: the Python package, which also asks for and keeps the credentials.
        kind: "competition" or "dataset", in the library's words.
        handle: the library's name for it.
        md5: file -> MD5 of the whole file, in the order of preference.
        before: what the user has to do once, in words.
    """

    library: str
    kind: str
    handle: str
    md5: dict[str, str]
    before: str

    def __post_init__(self) -> None:
        """Refuse files that would be written outside the data set's folder."""
        for file in self.md5:
            if PureWindowsPath(file).name != file:  # it knows both kinds of slashes
                raise FerError(f"md5 names {file!r}: expected a file's own name, without folders.")


@dataclass(frozen=True, eq=False, repr=False)  # it is what it is, and so can be a key
class Card:
    """What to know before using a data set.

    Attributes:
        name: the kit's word for it, also the name of its folder.
        title: what it is called, and what it shows.
        papers: which of the five papers use it, by their keys.
        citation: what to cite; doi: of that, where it has one.
        page: the address where it is shown, or asked for.
        licence: what may be done with it, in words; the owners' own text is what counts.
        get: how to get it.
        layout: how the files lie in the folder NAME/, drawn as a tree of several lines.
        counts: how many pictures to expect, in words.
        expected: the same for programs, as far as it is known: "faces", "subjects", "classes"
            (class -> count), "splits" (split -> count), "split_classes" (split -> class -> count)
            and "size" (width, height of every picture as distributed).
        forms: what to expect of the other forms it goes round in, by the file that holds all
            pictures ("train.csv") or a folder with a slash ("train/").
        download: where a library can fetch it, or None.
        embedded: it comes with the kit.
        own: everybody has another one, so it is opened with a folder.
        photographs: its pictures are photographs, not drawings.
    """

    name: str
    title: str
    papers: tuple[str, ...]
    citation: str
    licence: str
    get: str
    layout: str
    counts: str
    expected: Mapping[str, Any] = field(default_factory=dict)
    forms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    download: Download | None = None
    embedded: bool = False
    own: bool = False
    photographs: bool = True
    doi: str = ""
    page: str = ""

    def __repr__(self) -> str:
        """Say which data set it is of."""
        return f"Card({self.name}: {self.title})"

    def _repr_html_(self) -> str:
        facts = {"data set": f"{self.title} ({self.name})", "cite": self.cited}
        facts |= {"licence": self.licence, "get it": self.get, "page": self.page}
        facts |= {"expect": self.counts, "open it": self.opened, "layout": self.layout}
        return _html.rows((title, text) for title, text in facts.items() if text)

    @property
    def cited(self) -> str:
        """What to cite, with its address."""
        return f"{self.citation} https://doi.org/{self.doi}" if self.doi else self.citation

    @property
    def opened(self) -> str:
        """How the data set is opened here."""
        return f'data.load("{self.name}"{", FOLDER" if self.own else ""})'


def by_class(*counts: int, classes: tuple[str, ...] = FER7) -> dict[str, int]:
    """Return class -> count for a card, without the classes that have none."""
    return {name: n for name, n in zip(classes, counts, strict=True) if n}


def from_splits(counts: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Return what a card expects of a data set with so many faces: split -> class -> count."""
    classes: dict[str, int] = {}
    for part in counts.values():
        for name, count in part.items():
            classes[name] = classes.get(name, 0) + count
    return {
        "faces": sum(classes.values()),
        "classes": classes,
        "splits": {split: sum(part.values()) for split, part in counts.items()},
        "split_classes": counts,
    }


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: its card, and how it is opened. It gives either `scan` or `load`.

    Attributes:
        card: what to know before using it.
        size: the usual height and width of its faces in pixels.
        scan: ``scan(root, **options)`` -> DatasetIndex: reads names and label files and opens no
            picture. The pictures are then read in whatever size and form is asked for.
        load: ``load(root, **options)`` -> FaceSet, for faces that have one form as they are
            published: `size` x `size` and grey. An embedded data set's takes no root. It is handed
            "progress" and "split" if it has such options.
        recognize: returns the file or folder from which a folder's faces would be read, None where
            nothing known is there; without it, any folder that is not empty will do.
        folder: the name of its folder, where it shares another data set's.
        label_rule: the rule for votes that makes its labels; "" where labels are published.
    """

    card: Card
    size: int
    scan: "Callable[..., DatasetIndex] | None" = None
    load: "Callable[..., FaceSet] | None" = None
    recognize: Callable[[Path], Path | None] | None = None
    folder: str = ""
    label_rule: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be opened."""
        if not re.fullmatch(r"[A-Za-z0-9][\w-]*", self.name):  # it names folders and files, too
            raise FerError(f"name={self.name!r}: give a data set a name of letters and digits.")
        if (self.scan is None) == (self.load is None):
            raise FerError(f"the data set {self.name!r} needs either scan or load.")

    @property
    def name(self) -> str:
        """The kit's word for it."""
        return self.card.name

    @property
    def home(self) -> str:
        """The name of the folder in which it is looked for."""
        return self.folder or self.name

    @property
    def options(self) -> tuple[str, ...]:
        """The options of its own."""
        return tuple(o for o in inspect.signature(self._function).parameters if o != "root")

    @property
    def _function(self) -> Callable[..., Any]:
        function = self.scan or self.load
        if function is None:
            raise TypeError(f"the data set {self.name} has neither scan nor load")
        return function

    def open(self, root: Path, **options: Any) -> Any:
        """Return what `scan` or `load` makes of a folder, after a look at the options.

        Raises:
            FerError: there is no such option, something cannot be read, or what `scan` or `load`
                raises.
        """
        unknown = [option for option in options if option not in self.options]
        if unknown:
            own = [option for option in self.options if option != "path"]
            raise FerError(f"{self.name} has no option {unknown[0]!r}.{nearest(unknown[0], own)}")
        place = () if self.card.embedded else (root,)
        try:
            with _collector_paused() if self.scan else contextlib.nullcontext():
                return self._function(*place, **options)
        except OSError as error:  # a folder where a file should be, one that may not be read, ...
            what = f"{error.filename or root} cannot be read: {error.strerror or error}"
            raise FerError(f"{self.name}: {what}.") from error

    def lies_in(self, place: Path) -> Path | None:
        """Return the file or folder in `place` from which it would be read, or None."""
        if self.recognize is not None:
            return self.recognize(place)
        if place.is_dir():
            return place if any(place.iterdir()) else None
        return place if place.exists() else None


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage while ten thousands of paths are made: twice as fast."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


_ADDED: dict[str, Dataset] = {}


def names() -> tuple[str, ...]:
    """Return the names of all data sets, the embedded one first."""
    return NAMES + tuple(_ADDED)


def register(dataset: Dataset) -> None:
    """Add a data set, so that `load`, `doctor` and the catalogue know its name.

    Raises:
        FerError: there is a data set of that name already, or this is none.
    """
    if not isinstance(dataset, Dataset):
        raise FerError(f"register takes a Dataset, not a {type(dataset).__name__}.")
    if dataset.name in names() and _ADDED.get(dataset.name) is not dataset:
        raise FerError(f"There is a data set {dataset.name!r} already: choose another name.")
    _ADDED[dataset.name] = dataset


def get(name: str) -> Dataset:
    """Return a data set.

    Raises:
        FerError: nothing has that name; the message says which are alike.
    """
    if not isinstance(name, str) or name not in names():
        raise FerError(f"There is no data set {shown(name)}.{nearest(name, names())}")
    return DATASETS[name]


_Kind = TypeVar("_Kind")


class _OfEvery(Mapping[str, _Kind]):
    """Name -> something of the data set. A data set's module is imported when it is asked for."""

    def __init__(self, part: Callable[[Dataset], _Kind]) -> None:
        self._part = part

    def __getitem__(self, name: str) -> _Kind:
        if name in _ADDED:
            return self._part(_ADDED[name])
        if name not in NAMES:
            raise NoSuchKey(f"there is no data set {name!r}.{nearest(name, names())}")
        return self._part(importlib.import_module(f"fer_utils.data.datasets.{name}").DATASET)

    def __iter__(self) -> Iterator[str]:
        return iter(names())

    def __len__(self) -> int:
        return len(names())


#: Name -> data set.
DATASETS: Mapping[str, Dataset] = _OfEvery(lambda dataset: dataset)

#: Name -> card, the embedded data set first.
CARDS: Mapping[str, Card] = _OfEvery(lambda dataset: dataset.card)
