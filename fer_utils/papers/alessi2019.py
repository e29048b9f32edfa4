"""alessi2019: mini-Xception at 48x48 on FER2013, with a live camera.

Alessi and Colace, "A real-time system for facial expression recognition" (course project, 2019).
"""

from dataclasses import dataclass, replace

from fer_utils.papers.record import Claim, Setup, printed

_NET = {"name": "mini_xception", "num_classes": 7, "input_size": 48, "variant": "alessi2019"}

# Section 10, in the text: precision in per cent. For disgust none is printed: "the model is not
# able to classify disgust expressions", and what is never said has no precision.
_PRECISION = (
    ("happy", "81.3"),
    ("surprise", "68.6"),
    ("neutral", "49.7"),
    ("angry", "48.1"),
    ("sad", "45.7"),
    ("fear", "43.5"),
)

# train_test_split of all three published parts together. The net of the 80th epoch was scored: that
# the accuracy of every epoch was looked at chose nothing.
_SETUP = Setup(test=0.2, epoch="last")
_PROTOCOL = (
    "80 % of all of FER2013 to train and 20 % to test, drawn at random; 80 epochs; accuracy of "
    "every epoch on the test set"
)
_AS_RECALL = (
    "Perhaps recall: the two confusion matrices are pictures, and the text reads along their rows "
    "('most of those samples are mistaken for angry'). As recalls the six, with 0 % of disgust, "
    "give 57.2 % of all faces, and the paper hopes for '60%-65% or more'. Random 80/20 puts copies "
    "of training pictures into the test set. The paper's table of labels is 360 faces short: Angry "
    "4593 should be 4953."
)

_GAINS = (
    ("normalisation to [-1, 1]", "normalization", "4", 4, "section 7: 'by 4%'"),
    ("data augmentation", "augmentation", "4", 5, "section 8: 'about 4%-5% more accuracy'"),
)


def _precision(row: str, value: str) -> Claim:
    return Claim(
        paper="alessi2019",
        table="text",
        row=row,
        dataset="fer2013",
        protocol=_PROTOCOL,
        metric="precision",
        **printed(value),
        experiment=_NET,
        recipe="alessi2019",
        n=7_178,
        setup=_SETUP,
        note=_AS_RECALL,
    )


def _as_recall(one: Claim) -> Claim:
    """The same printed number as a recall: both readings can be held against runs."""
    note = f"The same {one.printed} % read along the rows of its matrix. {_AS_RECALL}"
    return replace(one, row=f"{one.row}, read as recall", metric="recall", note=note)


def _gain(row: str, without: str, low: str, high: float, where: str) -> Claim:
    return Claim(
        paper="alessi2019",
        table="text",
        row=f"gain by {row}",
        dataset="fer2013",
        protocol=f"{where}; runs not stated",
        metric="gain in accuracy",
        **printed(low),
        experiment=_NET,
        low=float(low),
        high=high,
        recipe="alessi2019",
        unit="points",
        n=7_178,
        note="A difference of two trainings of which neither accuracy is printed.",
        setup=replace(_SETUP, without=without),
        gain_of="alessi2019:text:happy",
    )


_ARRIAGA = Claim(
    paper="alessi2019",
    table="text",
    row="mini-Xception by Arriaga et al.",
    dataset="fer2013",
    protocol="quoted from Arriaga et al. (2017); test set not stated",
    metric="accuracy",
    **printed("66"),
    experiment={"name": "mini_xception", "num_classes": 7, "input_size": 64},
    recipe="pandey2019_rtnn",
    n=7_178,
    note="The well-known 66 % is PublicTest and PrivateTest together.",
    comparable="half of its test set, PublicTest, also chose the epoch",
)

_AS_PRINTED = tuple(_precision(*row) for row in _PRECISION)

CLAIMS = (
    *_AS_PRINTED,
    *(_gain(*row) for row in _GAINS),
    _ARRIAGA,
    *map(_as_recall, _AS_PRINTED),
)


@dataclass(frozen=True)
class Surveyed:
    """A row of Fig. 4, which the paper has from Li and Deng, "Deep facial expression recognition".

    Attributes:
        name: of the data set.
        samples: how many, of what.
        subjects: people, None where not known.
        taken: "Lab", "Web" or "Movie".
        elicited: "P" posed, "S" spontaneous, "P & S" both.
        opens: the name under which the kit opens it, "" where it does not.
    """

    name: str
    samples: str
    subjects: int | None
    taken: str
    elicited: str
    opens: str = ""


SURVEY = (
    Surveyed("CK+", "593 image sequences", 123, "Lab", "P & S", "ckplus"),
    Surveyed("MMI", "740 images and 2,900 videos", 25, "Lab", "P"),
    Surveyed("JAFFE", "213 images", 10, "Lab", "P", "jaffe"),
    Surveyed("TFD", "112,234 images", None, "Lab", "P"),
    Surveyed("FER-2013", "35,887 images", None, "Web", "P & S", "fer2013"),
    Surveyed("AFEW 7.0", "1,809 videos", None, "Movie", "P & S"),
    Surveyed("SFEW 2.0", "1,766 images", None, "Movie", "P & S", "sfew"),
    Surveyed("Multi-PIE", "755,370 images", 337, "Lab", "P"),
    Surveyed("BU-3DFE", "2,500 images", 100, "Lab", "P"),
    Surveyed("Oulu-CASIA", "2,880 image sequences", 80, "Lab", "P"),
    Surveyed("RaFD", "1,608 images", 67, "Lab", "P", "rafd"),
    Surveyed("KDEF", "4,900 images", 70, "Lab", "P", "kdef"),
    Surveyed("EmotioNet", "1,000,000 images", None, "Web", "P & S"),
    Surveyed("RAF-DB", "29,672 images", None, "Web", "P & S", "rafdb"),
    Surveyed("AffectNet", "450,000 images (labeled)", None, "Web", "P & S"),
    Surveyed("ExpW", "91,793 images", None, "Web", "P & S"),
)
