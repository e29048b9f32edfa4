"""borgalli2022: custom and standard CNNs on KDEF, RaFD, RAF-DB, SFEW and AM-FED+.

Borgalli and Surve, "Deep learning framework for facial emotion recognition using CNN
architectures" (2022).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from fer_utils.papers.record import Claim, Setup, printed


@dataclass(frozen=True)
class ClassificationReport:
    """A printed "accuracy score": precision, recall and F1 per class, shares of 1.

    Attributes:
        figure: where it is printed, beside a normalised confusion matrix.
        rows: per class precision, recall, F1 and number of test faces.
        accuracy: as printed.
        macro: averages of precision, recall and F1 over classes, as printed.
        weighted: averages with the classes' numbers of faces as weights, as printed.
        classes: what the paper's class numbers mean, where the numbers or its text tell.
        order: the same for programs; empty where nothing tells.
    """

    figure: str
    rows: tuple[tuple[str, str, str, int], ...]
    accuracy: str
    macro: tuple[str, str, str]
    weighted: tuple[str, str, str]
    classes: str
    order: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Test faces."""
        return sum(support for *_, support in self.rows)


REPORTS = {
    "rafdb": ClassificationReport(
        "Fig. 11",
        (
            ("0.74", "0.76", "0.75", 329),
            ("0.81", "0.41", "0.54", 74),
            ("0.51", "0.22", "0.31", 160),
            ("0.85", "0.91", "0.88", 1185),
            ("0.68", "0.61", "0.64", 478),
            ("0.76", "0.51", "0.61", 162),
            ("0.65", "0.79", "0.71", 680),
        ),
        "0.75",
        ("0.71", "0.60", "0.63"),
        ("0.74", "0.75", "0.74"),
        "The order of RAF-DB's labels 1 to 7: surprise, fear, disgust, happiness, sadness, anger, "
        "neutral; the supports are those of its published test set.",
        ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"),
    ),
    "rafd": ClassificationReport(
        "Fig. 12",
        (
            ("0.73", "0.79", "0.76", 205),
            ("0.58", "0.64", "0.61", 202),
            ("0.77", "0.78", "0.77", 208),
            ("0.67", "0.72", "0.69", 207),
            ("0.76", "0.90", "0.82", 193),
            ("0.53", "0.51", "0.52", 208),
            ("0.77", "0.35", "0.48", 185),
            ("0.74", "0.81", "0.77", 200),
        ),
        "0.69",
        ("0.69", "0.69", "0.68"),
        ("0.69", "0.69", "0.68"),
        "Classes are not named; the text calls sadness the worst, as in the order angry, "
        "contemptuous, disgusted, fearful, happy, neutral, sad, surprised.",
        ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    ),
    "sfew": ClassificationReport(
        "Fig. 13",
        (
            ("0.42", "0.44", "0.43", 39),
            ("0.06", "0.09", "0.07", 11),
            ("0.52", "0.73", "0.61", 15),
            ("0.55", "0.43", "0.48", 37),
            ("0.21", "0.35", "0.26", 20),
            ("0.55", "0.42", "0.48", 38),
            ("0.50", "0.26", "0.34", 19),
        ),
        "0.41",
        ("0.40", "0.39", "0.38"),
        ("0.45", "0.41", "0.42"),
        "Classes are not named; the text calls disgust and surprise the worst, as in the order "
        "angry, disgust, fear, happy, neutral, sad, surprise.",
        ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    ),
    "amfed": ClassificationReport(
        "Fig. 14",
        (
            ("0.61", "0.50", "0.55", 145),
            ("0.48", "0.51", "0.49", 122),
            ("0.30", "0.26", "0.28", 100),
            ("0.30", "0.39", "0.34", 80),
            ("0.59", "0.63", "0.61", 128),
            ("0.51", "0.45", "0.48", 133),
            ("0.71", "0.75", "0.73", 247),
        ),
        "0.54",
        ("0.50", "0.50", "0.50"),
        ("0.54", "0.54", "0.54"),
        "Seven classes, of eight that the text lists; which are meant is not stated.",
    ),
    "kdef": ClassificationReport(
        "Fig. 15",
        (
            ("1.00", "0.99", "1.00", 154),
            ("1.00", "0.99", "1.00", 154),
            ("1.00", "1.00", "1.00", 158),
            ("0.98", "1.00", "0.99", 142),
            ("1.00", "0.99", "1.00", 140),
            ("1.00", "1.00", "1.00", 52),
        ),
        "1.00",
        ("1.00", "1.00", "1.00"),
        ("1.00", "1.00", "1.00"),
        "Six classes; which number is which is not stated.",
    ),
}

# Table 1: name, data set, accuracy in per cent
_TABLE_1 = (
    ("RAFD", "rafd", "68.84"),
    ("SFEW", "sfew", "40.78"),
    ("AMFED+", "amfed", "54.13"),
    ("RAF-DB", "rafdb", "75.26"),
    ("KDEF", "kdef", "99.63"),
)

# KDEF's six as the text lists them; which is which in Fig. 15 it does not say.
_KDEF = ["surprise", "sad", "fear", "angry", "happy", "disgust"]

_NETS = {
    "rafd": {"name": "vgg16_gap", "num_classes": 8, "input_size": 224},
    "sfew": {"name": "inception_resnet_v2", "num_classes": 7, "input_size": 224},
    "amfed": {"name": "inception_resnet_v2", "num_classes": 7, "input_size": 224},
    "rafdb": {"name": "light_vgg", "num_classes": 7, "input_size": 100},
    "kdef": {"name": "custom_kdef", "num_classes": 6, "input_size": 224, "classes": _KDEF},
}
# The k-th output is the paper's "class k".
for _dataset, _printed in REPORTS.items():
    if _printed.order:
        _NETS[_dataset]["classes"] = list(_printed.order)

# Faces are cut out by Haar cascades, classes balanced by augmentation, and a validation part ends
# the training. Of KDEF "only the facial part" is visible.
_CUT = Setup(load=(("crop", "haar"),), balanced=True)
_SETUPS = {
    "rafd": replace(_CUT, assumed="the test fifth is drawn; a tenth of the rest validates"),
    "rafdb": replace(_CUT, assumed="a tenth of the training part validates"),
    "sfew": replace(_CUT, assumed="the 179 test pictures are drawn of Train, and Val validates"),
    "amfed": _CUT,
    "kdef": replace(
        _CUT,
        load=(("crop", "oval"),),
        assumed="the 800 test pictures are drawn of the 4,200 that show the six expressions; what "
        "lies outside an oval in the detected face is masked",
    ),
}

_PROTOCOL = {
    "rafd": "training, validation and test parts; the test part is 20 % of 8,040",
    "sfew": "training, validation and test parts; 179 test faces",
    "amfed": "frames of videos; training, validation and test parts; 955 test faces",
    "rafdb": "RAF-DB's published test set of 3,068",
    "kdef": "six classes; training, validation and test parts; 800 test faces",
}

_NOTE = {
    "rafd": "1,107 of 1,608 right. Every model is seen from five sides with three gazes: if the "
    "split was random, the same people are on both sides.",
    "sfew": "73 of 179 right: one picture is 0.56 points. The paper says seven classes and lists "
    "eight.",
    "amfed": "No count of 955 is 54.13 % when rounded: 517 are 54.14 %. The conclusion has "
    "54.15, which no count gives either. Frames of one video may be on both sides.",
    "rafdb": "2,309 of 3,068 right.",
    "kdef": "797 of 800 right, which the paper calls 100 % and 'outstanding'. KDEF is described "
    "with seven classes and tested on six; its classes are equally large, but one has 52 test "
    "faces and the others 140 to 158. The same people are probably on both sides.",
}

_AMFED = "how action units became seven expressions is not stated, nor which frames were used"
_WHICH_CLASS = "which number is which of the six expressions is not stated"


def _claim(dataset: str, table: str, row: str, value: str, metric: str, **others: Any) -> Claim:
    options = {"n": REPORTS[dataset].n, "note": _NOTE[dataset], **others}
    if dataset == "amfed":
        options["comparable"] = _AMFED
    elif row.startswith("class ") and not REPORTS[dataset].order:
        options["comparable"] = _WHICH_CLASS
    return Claim(
        paper="borgalli2022",
        table=table,
        row=row,
        dataset=dataset,
        protocol=_PROTOCOL[dataset],
        metric=metric,
        **printed(value),
        experiment=_NETS[dataset],
        recipe="borgalli2022",
        setup=_SETUPS[dataset],
        **options,
    )


def _report(dataset: str) -> Iterator[Claim]:
    """Every number of a report, as a share of 1."""
    report = REPORTS[dataset]
    rows: list[tuple[str, Iterable[str], str]] = [
        (f"class {number}", scores, f"{support:,} test faces of this class. {report.classes}")
        for number, (*scores, support) in enumerate(report.rows)
    ]
    rows += [("macro avg", report.macro, ""), ("weighted avg", report.weighted, "")]
    for name, scores, note in rows:
        for metric, value in zip(("precision", "recall", "f1"), scores, strict=True):
            row = f"{name}, {metric}"
            yield _claim(dataset, report.figure, row, value, metric, unit="", note=note)
    yield _claim(dataset, report.figure, "accuracy", report.accuracy, "accuracy", unit="")


CLAIMS = (
    *(_claim(dataset, "1", row, value, "accuracy") for row, dataset, value in _TABLE_1),
    _claim("amfed", "text", "AMFED+, in the conclusion", "54.15", "accuracy"),
    *(row for dataset in REPORTS for row in _report(dataset)),
)
