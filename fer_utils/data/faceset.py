"""FaceSet: labelled faces as immutable arrays, the one form every data set is read into."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np

from fer_utils import _html
from fer_utils._arguments import Telling, check_array, check_names, integer, shown, spoken
from fer_utils._arguments import seed as check_seed
from fer_utils._labels import Labels
from fer_utils.data import _cache, relabel
from fer_utils.data._index import SPLITS
from fer_utils.data.face import Face
from fer_utils.emotions import nearest, same_word
from fer_utils.errors import FerError

if TYPE_CHECKING:
    import pandas
    import torch

# Of more pixels than this (bytes) a digest looks at so many faces only, or bytes.
_DIGEST_WHOLE = 256 * 2**20
_DIGEST_FACES, _DIGEST_PART = 1024, 16 * 2**20

SHOWN, THUMBNAIL = 12, 96  # faces in a notebook, and their pixels there

_PER_FACE = ("images", "labels", "split", "votes", "subjects", "rows", "regions", "twins",
             "truth", "generated")  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class FaceSet(Telling):
    """N faces with their labels and what else is known about them; arrays are read-only.

    `faces[0]` is one face with what is known of it, `faces[:5]`, `faces[[3, 1]]` and
    `faces[faces.labels == "sad"]` are sets again, and a loop goes through the faces. At the end of
    a notebook's cell a set shows some of its faces and its table.

    Images may lie in a file and be mapped into memory: what is looked at is read, and a slice or
    a run of neighbours costs nothing. `where` and `take` put a large choice of single faces into
    a temporary file, so that no set ever has to fit into memory.

    Attributes:
        name: the data set's name.
        images: uint8 (N, C, H, W), 0 black to 255 white.
        labels: int64 (N,), indices into `classes`; `faces.labels == "happy"` compares with a name.
        classes: the names of the K classes.
        split: str (N,), "train", "valid" or "test".
        votes: uint8 (N, V), how many taggers gave each of the V answers in `vote_names`, or None.
        subjects: int64 or str (N,), who is shown, or None.
        rows: (N,), where each picture came from (row of a table, or path of a file), or None.
        regions: uint8 (N, H, W), part of the face per pixel: an index into `region_names`, 255
            where not known, or None.
        twins: uint8 (N, C, H, W), the same person's neutral face, zeros where not known, or None.
        truth: bool (N,), True where regions and twins are known, or None.
        left_out: one sentence for every row or picture that could not be used.
        label_rule: the rule that made the labels from votes or from a network's probabilities, ""
            where labels are as published.
        columns: what else the data set tells about every face: name -> array (N,), such as
            "angle", "gaze" or "session".
        generated: bool (N,), True for faces that no camera took, but a network made
            (`fer_utils.data.fill`); they can be training faces only. Unless given, none is.
    """

    MEANT: ClassVar = {
        "shape": "faces.images.shape",
        "size": "len(faces)",
        **dict.fromkeys(("head", "first"), "faces[:5]"),
        **dict.fromkeys(("X", "data", "x"), "faces.images"),
        **dict.fromkeys(("class_names", "names", "categories"), "faces.classes"),
        "tail": "faces[-5:]",
        "shuffle": "faces.sample(len(faces))",
        **dict.fromkeys(("targets", "y", "label"), "faces.labels"),
        **dict.fromkeys(("show", "plot"), "plots.faces(faces[:12])"),
        **dict.fromkeys(("describe", "info", "to_dataframe", "value_counts"), "faces.table()"),
        **dict.fromkeys(("filter", "query", "select"), "faces.where(label=NAME)"),
    }

    name: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    split: np.ndarray
    votes: np.ndarray | None = None
    vote_names: tuple[str, ...] = ()
    subjects: np.ndarray | None = None
    rows: np.ndarray | None = None
    regions: np.ndarray | None = None
    region_names: tuple[str, ...] = ()
    twins: np.ndarray | None = None
    truth: np.ndarray | None = None
    left_out: tuple[str, ...] = ()
    label_rule: str = ""
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    generated: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        """Check that the arrays fit together, and make them read-only."""
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, item.name, _read_only(value))
            elif isinstance(value, list):
                object.__setattr__(self, item.name, tuple(value))
        if not isinstance(self.columns, Mapping):
            raise FerError(f"columns={shown(self.columns)}: expected arrays by name.")
        columns = {name: _read_only(np.asarray(column)) for name, column in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        self._check()
        object.__setattr__(self, "labels", Labels(self.labels, self.classes))

    def _check(self) -> None:
        self._check_images()
        check_array("generated", self.generated, 1, "b")
        if not self.generated.any():
            object.__setattr__(self, "generated", _read_only(np.zeros(len(self.images), bool)))
        per_face = {name: getattr(self, name) for name in _PER_FACE}
        for name, value in (per_face | self.columns).items():
            if value is not None and (np.ndim(value) == 0 or len(value) != len(self.images)):
                count = "a single" if np.ndim(value) == 0 else len(value)
                raise FerError(
                    f"{self.name}: {len(self.images)} images but {count} {name}; "
                    "there must be one for every face"
                )
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise FerError(
                f"{self.name}: labels must be 0 to {len(self.classes) - 1}, "
                f"found {self.labels.min()} to {self.labels.max()}"
            )
        unknown = sorted(set(np.unique(self.split).tolist()) - set(SPLITS))
        if unknown:
            raise FerError(f"{self.name}: splits are {', '.join(SPLITS)}; found {unknown[0]!r}")
        outside = int((self.generated & (self.split != "train")).sum())
        if outside:
            raise FerError(
                f"{self.name}: {outside} generated faces are not in train; they may be learned "
                "from, but never choose an epoch or test a net."
            )
        if self.votes is not None and self.votes.shape[1:] != (len(self.vote_names),):
            raise FerError(
                f"{self.name}: votes of shape {self.votes.shape} do not fit "
                f"{len(self.vote_names)} vote names"
            )

    def _check_images(self) -> None:
        if not isinstance(self.name, str):
            raise FerError(f"name={shown(self.name)}: expected the data set's name.")
        check_array("labels", self.labels, 1, "iu")
        check_array("split", self.split, 1, "UO")
        check_names("classes", self.classes)
        array = isinstance(self.images, np.ndarray)
        if not array or self.images.ndim != 4 or self.images.dtype != np.uint8:
            found = f"{self.images.dtype} {self.images.shape}" if array else shown(self.images)
            raise FerError(f"{self.name}: images must be uint8 (N, C, H, W), found {found}")

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    def __repr__(self) -> str:
        """Say on one line what is in the set."""
        _, channels, height, width = self.images.shape
        kind = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
        splits = ", ".join(f"{s} {n}" for s, n in self._split_counts().items() if n)
        extra = "".join(f", {f}" for f in ("votes", "regions") if getattr(self, f) is not None)
        extra += f", columns {' '.join(self.columns)}" if self.columns else ""
        extra += f", {self.generated.sum()} generated" if self.generated.any() else ""
        extra += f", {len(self.left_out)} left out" if self.left_out else ""
        return (
            f"FaceSet({self.name}: {len(self)} faces {height}x{width} {kind}, "
            f"{len(self.classes)} classes{', ' + splits if splits else ''}{extra})"
        )

    @overload
    def __getitem__(self, which: int) -> Face: ...
    @overload
    def __getitem__(self, which: slice | Sequence[int] | np.ndarray) -> "FaceSet": ...

    def __getitem__(self, which: Any) -> "Face | FaceSet":
        """Return one face (-1 is the last), or those of a slice, a list or a mask as a set.

        Raises:
            FerError: a name, or a position outside the set.
        """
        if isinstance(which, str):
            raise FerError(
                f"faces have numbers, no names like {which!r}: faces.where(label={which!r}) takes "
                "those of a class."
            )
        if isinstance(which, slice) or np.ndim(which):
            return self.take(which)
        try:
            return self._face(integer("face", which, -len(self), len(self) - 1))
        except FerError:
            there = f"faces 0 to {len(self) - 1}" if len(self) else "no faces"
            raise FerError(f"{self.name} has {there}, so not faces[{shown(which)}].") from None

    def __iter__(self) -> Iterator[Face]:
        """Go through the faces."""
        return map(self._face, range(len(self)))

    def __contains__(self, one: object) -> bool:
        """Say whether there is a face of that class, or this face.

        Raises:
            FerError: there is no such class.
        """
        if isinstance(one, str):
            return bool((self.labels == self.class_index(one)).any())
        return any(face == one for face in self)

    def __eq__(self, other: object) -> bool:
        """Say whether these are the same faces in the same order, by `digest` and classes."""
        if not isinstance(other, FaceSet):
            return NotImplemented
        return self is other or (len(self) == len(other) and self.digest == other.digest)

    def __hash__(self) -> int:
        """Return the same for equal sets."""
        return hash((len(self), self.classes))

    def __add__(self, other: "FaceSet") -> "FaceSet":
        """Return these faces and then those of `other`; see `fer_utils.data.joining.join`."""
        return self.join(other)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the images."""
        return np.array(self.images, dtype=dtype, copy=copy)

    def _face(self, number: int) -> Face:
        votes = [] if self.votes is None else self.votes[number].tolist()
        person = None if self.subjects is None else self.subjects[[number]].tolist()[0]
        return Face(
            self.images[number],
            self.classes[self.labels[number]],
            {name: n for name, n in zip(self.vote_names, votes, strict=False) if n},
            person,
        )

    def _meant(self, name: str) -> str | None:
        if name in vars(self).get("columns", ()):
            return f"faces.columns[{name!r}]"
        if found := same_word(name, vars(self).get("classes", ())):
            return f"faces.where(label={found!r})"
        return super()._meant(name)

    @spoken
    def sample(self, count: int = 12, seed: int = 0) -> "FaceSet":
        """Return so many faces (all, where there are fewer), drawn at random, each at most once."""
        count = min(integer("count", count, 0), len(self))
        return self.take(np.random.default_rng(check_seed(seed)).permutation(len(self))[:count])

    @spoken
    def where(
        self, split: str | None = None, label: str | int | Sequence[str | int] | None = None
    ) -> "FaceSet":
        """Return the faces of one split, of one class (name or index) or several, or both.

        Raises:
            FerError: there is no such split or class.
        """
        keep = np.ones(len(self), bool)
        if split is not None:
            if split not in SPLITS:
                meant = f" Write label={split!r}." if same_word(split, self.classes) else ""
                raise FerError(f"{split!r} is not a split.{meant or nearest(split, SPLITS)}")
            keep &= self.split == split
        if label is not None:
            several: Any = label if isinstance(label, list | tuple | set) else [label]
            keep &= np.isin(self.labels, [self.class_index(one) for one in several])
        return self.take(np.flatnonzero(keep))

    def class_index(self, label: str | int) -> int:
        """Return the index of a class given by its name or index; "joy" is happy.

        Raises:
            FerError: there is no such class; the message names the nearest.
        """
        if isinstance(label, str):
            if name := same_word(label, self.classes):
                return self.classes.index(name)
            raise FerError(f"{self.name} has no class {label!r}.{nearest(label, self.classes)}")
        try:
            return integer("label", label, 0, len(self.classes) - 1)
        except FerError:
            raise FerError(
                f"{self.name} has classes 0 to {len(self.classes) - 1}, not {shown(label)}"
            ) from None

    def take(self, which: int | slice | Sequence[int] | np.ndarray) -> "FaceSet":
        """Return the faces at these positions (0 to N-1), in this order, as a FaceSet.

        Raises:
            FerError: a position is outside the set.
        """
        if isinstance(which, int | np.integer):
            which = [which]
        try:
            if not isinstance(which, slice):
                which = self._positions(np.asarray(which))
            chosen = {
                name: value[which]
                for name in _PER_FACE
                if name != "images" and (value := getattr(self, name)) is not None
            }
        except (IndexError, TypeError, ValueError) as error:
            raise FerError(f"{self.name} has faces 0 to {len(self) - 1}: {error}") from None
        columns = {name: column[which] for name, column in self.columns.items()}
        return replace(self, images=_pick(self.images, which), columns=columns, **chosen)

    def _positions(self, which: np.ndarray) -> np.ndarray | slice:
        """Return indices, or a slice, which copies nothing, where they are a run of neighbours."""
        if which.dtype == bool:
            if which.shape != (len(self),):
                raise IndexError(f"a mask of shape {which.shape} does not fit")
            which = np.flatnonzero(which)
        if which.size == 0:
            return slice(0, 0)
        if which.dtype.kind not in "iu":
            raise IndexError(f"positions are whole numbers or a mask, not {shown(which.tolist())}")
        run = which.ndim == 1 and which[0] >= 0 and which[-1] < len(self)
        if run and (np.diff(which) == 1).all():
            return slice(int(which[0]), int(which[-1]) + 1)
        return which

    def counts(self) -> dict[str, int]:
        """Return how many faces each class has."""
        return self._count(self.labels)

    def _count(self, labels: np.ndarray) -> dict[str, int]:
        count = np.bincount(labels, minlength=len(self.classes))
        return dict(zip(self.classes, count.tolist(), strict=True))

    def table(self) -> "pandas.DataFrame":
        """Return the number of faces per class (rows) and split (columns), and the sums."""
        import pandas  # takes a second, so only who wants a table waits for it

        present = [split for split, count in self._split_counts().items() if count]
        columns = {split: self._count(self.labels[self.split == split]) for split in present}
        columns["all"] = self.counts()
        table = pandas.DataFrame(columns, index=list(self.classes))
        table.loc["all"] = table.sum()
        return table

    def _repr_html_(self) -> str:
        """Return the sentence, up to twelve faces from all over the set, and the table."""
        places = np.unique(np.linspace(0, len(self) - 1, min(SHOWN, len(self))).astype(int))
        faces = [self._face(int(place)) for place in places]
        pictures = _html.captioned([(face.image, face.label) for face in faces], THUMBNAIL)
        return _html.sentence(self) + pictures + self.table()._repr_html_()

    @cached_property
    def digest(self) -> dict[str, str]:
        """What tells these faces from others, whatever their name and number, in hexadecimal.

        One digest (SHA-256, 64 bits of it) each for "pixels", "labels" (with the names of the
        classes), "split" and, where there are any, "votes" and the marks of "generated" faces. It
        is the same wherever the pixels lie, in memory or in a file. Of pixels above 256 MB those
        of at most 1,024 faces, evenly spread, or 16 MB are looked at: another set is noticed, a
        few changed pictures may not be.
        """
        pixels = self.images
        if pixels.nbytes > _DIGEST_WHOLE:
            most = max(1, min(_DIGEST_FACES, _DIGEST_PART // pixels[:1].nbytes))
            pixels = _cache.spread(pixels, most)
        found = {
            "pixels": _digest(pixels, str(self.images.dtype), *map(str, self.images.shape)),
            "labels": _digest(self.labels.astype("<i8"), *self.classes),
            "split": _digest(self.split.astype("<U5")),
        }
        if self.votes is not None:
            found["votes"] = _digest(self.votes, *self.vote_names)
        if self.generated.any():
            found["generated"] = _digest(self.generated)
        return found

    def join(self, other: "FaceSet") -> "FaceSet":
        """Return these faces and then those of `other`; see `fer_utils.data.joining.join`."""
        from fer_utils.data.joining import join

        return join(self, other)

    def relabel(self, rule: str, probabilities: np.ndarray | None = None) -> "FaceSet":
        """Return the faces with the labels that a rule gives them.

        The rules for votes are FERPlus's ("majority", "probability" or "cross_entropy",
        "multi_target", "argmax"): faces that they cannot label are left out, and how many of each
        split are kept is printed. The rules for a network's probabilities ("distribution",
        "confident") leave none out; how many labels they change is printed. See
        `fer_utils.data.relabel`.

        Args:
            rule: its name.
            probabilities: what a network that has not learned these labels says of each face,
                float (N, K), columns as `classes` (`fer_utils.train.out_of_fold`); for the rules
                that need them.

        Raises:
            FerError: there is no such rule, there are no votes or no fitting probabilities, or the
                labels come from votes already and are to come from votes again.
        """
        if probabilities is not None or rule in relabel.ON_PROBABILITIES:
            labels = relabel.from_probabilities(probabilities, self.labels, self.classes, rule)
            changed = int((labels != self.labels).sum())
            print(f"{self.name}, rule {rule}: changed {changed} of {len(self)} labels")
            rules = " + ".join(filter(None, (self.label_rule, rule)))
            return replace(self, labels=labels, label_rule=rules)
        votes = self._need_votes()
        if self.label_rule:
            raise FerError(
                f"These labels come from the rule {self.label_rule!r}, which has already left "
                f"faces out. Relabel the set as it was loaded to compare rules."
            )
        labels = relabel.labels(votes, self.vote_names, rule)
        kept = self.take(np.flatnonzero(labels >= 0))
        print(f"{self.name}, rule {rule}: kept {_kept_of(kept, self)}")
        return replace(
            kept,
            labels=labels[labels >= 0],
            classes=relabel.vote_classes(self.vote_names),
            label_rule=rule,
        )

    def vote_distribution(self, rule: str = "argmax") -> np.ndarray:
        """Return the taggers' votes as shares: soft labels, float64 (N, K).

        The K columns are the expressions that could be voted for, in the order of
        `fer_utils.emotions.FER8`: those of `relabel(rule).classes`. Rows sum to 1; a row is all
        zero where no vote is left. The rule "argmax" takes every vote for an expression,
        "probability" only those that FERPlus's cross-entropy training uses.

        Raises:
            FerError: there are no votes or no such rule.
        """
        return relabel.distribution(self._need_votes(), self.vote_names, rule)

    def pictures(self, device: "str | torch.device | None" = None) -> "torch.Tensor":
        """Return the images as a float32 tensor (N, C, H, W) with values in [0, 1].

        That is four bytes for every byte of `images`, all in memory: of a large set, take a part.
        """
        import torch

        return torch.tensor(self.images).to(device).float().div_(255)

    def with_features(self, features: np.ndarray) -> "Features":
        """Return the same faces with features, float32 (N, ...), in place of their pictures."""
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        of_pixels = dict.fromkeys(("regions", "twins", "truth"))
        return Features(**(known | of_pixels | {"images": features}))

    def _need_votes(self) -> np.ndarray:
        if self.votes is None:
            raise FerError(
                f"{self.name} has no votes. For FER2013, put FERPlus's fer2013new.csv beside "
                "the csv file and load it again."
            )
        return self.votes

    def _split_counts(self) -> dict[str, int]:
        return {split: int((self.split == split).sum()) for split in SPLITS}


class Features(FaceSet):
    """Labelled faces as a frozen base sees them: what `models.features` returns.

    All that a FaceSet has but the pictures: `images` are the features, float32 (N, ...).
    """

    def _check_images(self) -> None:
        if self.images.ndim < 2 or self.images.dtype != np.float32:
            found = f"{self.images.dtype} {self.images.shape}"
            raise FerError(f"{self.name}: features must be float32 (N, ...), found {found}")

    def _face(self, number: int) -> Face:
        raise FerError(
            f"{self.name}: features are numbers without a picture: features.images[{number}] gives "
            "those of one face."
        )

    def _repr_html_(self) -> str:
        return _html.sentence(self)

    def __repr__(self) -> str:
        """Say on one line what is in the set."""
        shape = "x".join(map(str, self.images.shape[1:]))
        return f"Features({self.name}: {len(self)} faces as {shape} numbers)"

    def pictures(self, device: "str | torch.device | None" = None) -> "torch.Tensor":
        """Return the features as a tensor: a head takes them as they are."""
        import torch

        return torch.tensor(self.images).to(device)


def other_faces(there: Mapping[str, Mapping], now: Mapping[str, Mapping]) -> list[str]:
    """Say in what the digests of faces differ, by split: ["other labels of the train faces"].

    Args:
        there: `FaceSet.digest` by split, as it was written down; splits that are not in it are not
            compared.
        now: the same of the faces that are here.
    """
    found = []
    for split, digests in there.items():
        known = sorted({**digests, **now.get(split, {})})
        others = [name for name in known if digests.get(name) != now.get(split, {}).get(name)]
        if others:
            found.append(f"other {' and '.join(others)} of the {split} faces")
    return found


def _digest(array: np.ndarray, *words: str) -> str:
    found = hashlib.sha256("\n".join(words).encode(errors="surrogateescape"))
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:16]


def _kept_of(kept: FaceSet, before: FaceSet) -> str:
    counts, totals = kept._split_counts(), before._split_counts()
    return ", ".join(f"{s} {counts[s]} of {n}" for s, n in totals.items() if n) or "0 of 0"


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _pick(images: np.ndarray, which: np.ndarray | slice) -> np.ndarray:
    """Return images at these positions; in a temporary file where they would fill the memory."""
    if isinstance(which, slice) or len(which) * images[:1].nbytes <= _cache.MOST_IN_MEMORY:
        return images[which]
    return _cache.map_rows(_in_chunks(images, which), images.shape[1:])


def _in_chunks(images: np.ndarray, which: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, _cache.CHUNK_BYTES // images[:1].nbytes)
    for start in range(0, len(which), step):
        yield images[which[start : start + step]]
        _cache.forget(images)
