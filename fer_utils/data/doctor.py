"""A data set's check-up: is it whole, can every picture be read, does any come twice?

Nothing is changed and nothing is written. What is found is counted and named; what follows from it
(leave copies out of the test set? relabel them?) is for people to decide.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fer_utils.data import _duplicates as duplicates
from fer_utils.data import _report, _survey, catalog
from fer_utils.data import _tree as tree
from fer_utils.data._index import SPLITS
from fer_utils.data._load import find, load
from fer_utils.data._report import Finding, Report, finding
from fer_utils.data._survey import Survey
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.ranges import Range

# Words in the readers' sentences about what they left out.
_PROBLEMS = {
    "labels": ("the label is", "Usage is"),
    "size": ("the picture is ", "pixels, expected"),
    "unreadable": ("the row ", "pixel ", "not a readable picture", "is damaged", "not a picture"),
}


def doctor(
    name: str | FaceSet,
    root: str | Path | None = None,
    *,
    near: float = duplicates.NEAR,
    progress: bool = True,
) -> Report:
    """Examine a data set as it lies on disk, without changing anything.

    Bad files are reported, not raised. The kinds of findings:

    - "not opened": the layout could not be understood; then every picture below the folder is
      examined, labelled by its folder's name;
    - "counts" and "people", against the card; "left out", "unreadable";
    - "labels": unknown ones; "size": another than the card's; "flat": one value in every pixel;
    - "exact": further copies of a picture; "disagree": groups of copies with different labels;
    - "valid in train", "test in train", "test in valid": pictures of one part that copy another's;
    - "near", "near disagree", "near across": pictures with a near copy, with another label, in
      another part; exact copies are taken out before. See `fer_utils.data._duplicates`.

    Args:
        name: one of ``data.names()``, or a FaceSet that was read already.
        root: the folder (or file) that holds the data set; None looks in ``data.places(name)``.
        near: the correlation of two thumbnails from which pictures are near copies, 0 to 1.
        progress: show progress bars; comparing FER2013's pictures takes some seconds.

    Raises:
        FerError: there is no such data set, or it was not found.
    """
    Range(0, 1, above=True, why="a correlation").check("near", near)
    place: str | Path = "memory"
    form, findings = "", list[Finding]()
    if isinstance(name, FaceSet):
        seen = _survey.of_faces(name)
        name = name.name
    else:
        seen, place, form, findings = _open(name, root, progress)
    card = catalog.CARDS.get(name)
    expected = {} if card is None else card.forms[form] if form else card.expected
    counted, stated = _report.count(seen), _report.expected_counts(expected)
    findings += [*_report.compare(counted, stated), *_files(seen, expected.get("size"))]
    findings += _pictures(seen, near, progress)
    return Report(
        name=name,
        place=str(place),
        pictures=len(seen),
        size=_common_size(seen),
        form=form,
        counts=counted,
        expected=stated,
        findings=tuple(findings),
    )


# Opening


def _open(
    name: str, root: str | Path | None, progress: bool
) -> tuple[Survey, str | Path, str, list[Finding]]:
    """Return the survey, the place, the form of the card, and why the layout was not understood."""
    dataset = catalog.get(name)
    place = find(name, root)
    if dataset.card.embedded:
        return _survey.of_faces(load(name)), "the package", "", []
    try:
        if dataset.scan is not None:
            seen, source = _indexed(dataset, place, progress)
        else:
            seen = _survey.of_faces(load(name, place, on_error="report", progress=progress))
            # The pictures lie with the data set whose folder this one shares.
            source = catalog.DATASETS.get(dataset.folder, dataset).lies_in(place) or place
        return seen, source, _form(dataset.card, source), []
    except (FerError, OSError, ValueError) as error:
        problem = Finding("not opened", f"the layout is not as it should be: {error}", 1)
        return _survey.of_folder(place, progress=progress), place, "", [problem]


def _indexed(dataset: catalog.Dataset, place: Path, progress: bool) -> tuple[Survey, Path]:
    index = dataset.open(place)
    if index.images is None and index.seconds is None:
        return _survey.of_index(index, progress=progress), index.root
    faces = load(dataset.name, place, on_error="report", progress=progress)
    return _survey.of_faces(faces), index.root if index.images is None else index.files[0]


def _form(card: catalog.Card, source: Path) -> str:
    """Return the key of the card's other form that lies in `source`, or ""."""
    if source.is_file():
        return source.name if source.name in card.forms else ""
    folders = [source, *tree.subfolders(source)]
    below = {path.name + "/" for folder in folders for path in tree.subfolders(folder)}
    return next((key for key in card.forms if key in below), "")


# Looking for problems


def _files(seen: Survey, size: tuple[int, int] | None) -> list[Finding]:
    notes: dict[str, list[str]] = {"unreadable": [], "labels": [], "size": [], "left out": []}
    for sentence in seen.left_out:
        notes[_kind(sentence)].append(sentence)
    unknown = np.flatnonzero(seen.labels < 0)
    no_label = [f"{seen.names[i]}: its folder's name is no expression" for i in unknown]
    wrong = np.flatnonzero((seen.sizes != size).any(axis=1)) if size else np.array([], np.int64)
    other = [f"{seen.names[i]}: {seen.sizes[i, 0]}x{seen.sizes[i, 1]}" for i in wrong]
    unreadable, sizes = [*seen.unreadable, *notes["unreadable"]], notes["size"] + other
    right = f"other than {size[0]}x{size[1]}" if size else "the card states no size"
    return [
        finding("unreadable", "pictures that cannot be read", unreadable),
        finding("labels", "unknown labels", notes["labels"] + no_label, unknown[:, None]),
        finding("size", f"pictures of a wrong size ({right})", sizes, wrong[:, None]),
        finding("left out", "other things that loading leaves out or notes", notes["left out"]),
    ]


def _kind(sentence: str) -> str:
    """Return the finding to which a sentence about something left out belongs."""
    kinds = (kind for kind, words in _PROBLEMS.items() if any(word in sentence for word in words))
    return next(kinds, "left out")


def _pictures(seen: Survey, near: float, progress: bool) -> list[Finding]:
    flat = np.flatnonzero(seen.flat)
    black = int((seen.thumbnails[flat] == 0).all(axis=(1, 2)).sum())
    inside = f" ({black} of them black; {_per_split(seen, flat)})" if len(flat) else ""
    groups = duplicates.exact(seen.digests)
    differing = [group for group in groups if len(set(seen.labels[group].tolist())) > 1]
    title = f"further exact copies of a picture, in {len(groups):,} groups"
    further = sum(len(group) - 1 for group in groups)
    return [
        _cases(seen, "flat", f"flat pictures: one value in every pixel{inside}", flat[:, None]),
        _cases(seen, "exact", title, groups, count=further),
        _cases(seen, "disagree", "groups of exact copies whose labels disagree", differing),
        *_across(seen, groups),
        *_near(seen, groups, near, progress),
    ]


def _across(seen: Survey, groups: Sequence[np.ndarray]) -> list[Finding]:
    """Look for pictures of one split that copy a picture of an earlier one."""
    present = [split for split in SPLITS if (seen.split == split).any()]
    found = []
    for place, later in enumerate(present):
        for earlier in present[:place]:
            pairs = []
            for group in groups:
                here, there = (group[seen.split[group] == split] for split in (later, earlier))
                pairs += [(copy, there[0]) for copy in here if len(there)]
            flat = sum(bool(seen.flat[copy]) for copy, _ in pairs)
            inside = f" ({flat} of them flat)" if flat else ""
            title = f"{later} pictures that are exact copies of a {earlier} picture{inside}"
            found.append(_cases(seen, f"{later} in {earlier}", title, sorted(pairs)))
    return found


def _near(seen: Survey, groups: Sequence[np.ndarray], near: float, progress: bool) -> list[Finding]:
    """Look for near copies among the pictures that are left when exact copies are taken out."""
    keep = np.ones(len(seen), bool)
    for group in groups:
        keep[group[1:]] = False
    left = np.flatnonzero(keep)
    twins = duplicates.twins(seen.thumbnails[left], seen.split[left], least=near, progress=progress)
    pairs = _pairs(left, twins.nearest)
    title = f"other pictures with a near copy: thumbnails correlate at {near:g} or more"
    title += f" ({twins.pairs:,} pairs)" if twins.pairs else ""
    if seen.subjects is not None and twins.pairs:
        same = int((seen.subjects[pairs[:, 0]] == seen.subjects[pairs[:, 1]]).sum())
        title += f"; {same:,} of them of the same person, who may look alike in all pictures"
    differing = pairs[seen.labels[pairs[:, 0]] != seen.labels[pairs[:, 1]]]
    results = [
        _cases(seen, "near", title, pairs),
        _cases(seen, "near disagree", "of these, labelled unlike their near copy", differing),
    ]
    if len(np.unique(seen.split)) > 1:
        across = _pairs(left, twins.elsewhere)
        across = across[seen.split[across[:, 0]] != "train"]
        title = "of these, pictures outside train with a near copy in another split"
        results.append(_cases(seen, "near across", title, across))
    return results


def _pairs(places: np.ndarray, twin: np.ndarray) -> np.ndarray:
    """Return int64 (M, 2): a picture and its twin, where there is one."""
    has = np.flatnonzero(twin >= 0)
    return np.stack([places[has], places[twin[has]]], axis=1)


# Words


def _cases(
    seen: Survey,
    kind: str,
    title: str,
    groups: Iterable[Sequence[int] | np.ndarray],
    count: int | None = None,
) -> Finding:
    examples = [" = ".join(_picture(seen, place) for place in group) for group in groups]
    return finding(kind, title, examples, groups, count)


def _picture(seen: Survey, place: int) -> str:
    label = seen.classes[seen.labels[place]] if seen.labels[place] >= 0 else "?"
    return f"{seen.names[place]} ({label}, {seen.split[place]})"


def _per_split(seen: Survey, places: np.ndarray) -> str:
    counts = {split: int((seen.split[places] == split).sum()) for split in SPLITS}
    return ", ".join(f"{split} {count}" for split, count in counts.items() if count)


def _common_size(seen: Survey) -> tuple[int, int]:
    if not len(seen):
        return 0, 0
    sizes, count = np.unique(seen.sizes, axis=0, return_counts=True)
    width, height = sizes[count.argmax()].tolist()
    return width, height
