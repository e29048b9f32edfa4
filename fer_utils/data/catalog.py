"""A card for every data set of the five papers: what it is, its licence, how to get it.

Cards state only what a source states: the paper that presents a data set, its owners' page or
README, the five papers of the course. Counts per class were taken from lists of the files where the
owners publish none, and add up to the published totals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fer_utils.emotions import FER7, FER8


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


@dataclass(frozen=True)
class Card:
    """What to know before using a data set.

    Attributes:
        name: the kit's word for it, also the name of its folder.
        title: what it is called, and what it shows.
        papers: which of the five papers use it, by their keys.
        citation: what to cite.
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

    @property
    def opened(self) -> str:
        """How the data set is opened here."""
        where = {"facs3d": "", "folder": ", FOLDER"}.get(self.name, "")
        return f'data.load("{self.name}"{where})'


def _by_class(*counts: int, classes: tuple[str, ...] = FER7) -> dict[str, int]:
    return {name: n for name, n in zip(classes, counts, strict=True) if n}


# angry, disgust, fear, happy, sad, surprise, neutral
_FER2013 = {
    "train": _by_class(3995, 436, 4097, 7215, 4830, 3171, 4965),
    "valid": _by_class(467, 56, 496, 895, 653, 415, 607),
    "test": _by_class(491, 55, 528, 879, 594, 416, 626),
}
# Kaggle's folders have PublicTest and PrivateTest in one.
_FER2013_FOLDERS = {
    "train": _FER2013["train"],
    "test": {name: n + _FER2013["test"][name] for name, n in _FER2013["valid"].items()},
}
_RAFDB = {
    "train": _by_class(705, 717, 281, 4772, 1982, 1290, 2524),
    "test": _by_class(162, 160, 74, 1185, 478, 329, 680),
}
# angry, disgust, fear, happy, sad, surprise, neutral, contempt: labelled sequences of CK+
_CKPLUS = (45, 59, 25, 69, 28, 83, 0, 18)


def _from_splits(counts: dict[str, dict[str, int]]) -> dict[str, Any]:
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


_CARDS = (
    Card(
        name="facs3d",
        title="Faces drawn by the kit itself: a 3-D head moved by facial action units",
        papers=(),
        citation="This kit; the head is from MakeHuman, the face units by Mika Suominen (CC0).",
        licence="Free for everything: drawn from a CC0 head. Shows nobody. Scores on it are no "
        "claims about people.",
        get="Nothing to do: it comes with the kit.",
        layout="one packed file inside the package",
        counts="6,981 faces of 48x48, 552 people, seven classes; the 909 test faces with part "
        "labels and neutral twins.",
        expected={
            "faces": 6981,
            "subjects": 552,
            "classes": _by_class(933, 238, 973, 1743, 1180, 774, 1140),
            "splits": {"train": 5310, "valid": 762, "test": 909},
            "size": (48, 48),
        },
    ),
    Card(
        name="fer2013",
        title="FER2013: 48x48 grey faces from a web image search, seven expressions",
        papers=("alessi2019", "minaee2019", "mazen2021"),
        citation="Goodfellow et al., Challenges in representation learning: a report on three "
        "machine learning contests, ICONIP 2013.",
        licence="No licence was published; the rules of the Kaggle competition apply, and the "
        "rights in the pictures stay with their unknown owners. Do not pass it on.",
        get="Kaggle, the competition 'Challenges in Representation Learning: Facial Expression "
        "Recognition Challenge' (free account; accept the rules). Take icml_face_data.csv, or "
        "fer2013.csv from fer2013.tar.gz.",
        layout="""\
fer2013/
├── fer2013.csv            emotion,pixels,Usage; or
├── icml_face_data.csv     the same columns in another order; or
├── train.csv              emotion,pixels: Training only; or Kaggle's folders
├── train/
│   └── angry/ disgust/ fear/ happy/ neutral/ sad/ surprise/
│       └── Training_3908.jpg
├── test/                  PublicTest and PrivateTest together
└── fer2013new.csv         FERPlus's votes, beside a csv file""",
        counts="35,887 = 28,709 Training + 3,589 PublicTest + 3,589 PrivateTest; 12 are all black, "
        "and 568 rows of the two test parts copy a Training picture.",
        expected={**_from_splits(_FER2013), "size": (48, 48)},
        forms={
            "train.csv": {**_from_splits({"train": _FER2013["train"]}), "size": (48, 48)},
            "FER2013Train/": {"size": (48, 48)},
            "train/": {**_from_splits(_FER2013_FOLDERS), "size": (48, 48)},
        },
        download=Download(
            library="kagglehub",
            kind="competition",
            handle="challenges-in-representation-learning-facial-expression-recognition-challenge",
            md5={"icml_face_data.csv": "b114b9e04e6949e5fe8b6a98b3892b1d"},
            before="Make a free Kaggle account, open the competition 'Challenges in Representation "
            "Learning: Facial Expression Recognition Challenge', accept its rules, and give "
            "kagglehub your API token as its own documentation says.",
        ),
    ),
    Card(
        name="ferplus",
        title="FERPlus (FER+): ten taggers' votes for the faces of FER2013, with contempt",
        papers=("pandey2019", "minaee2019"),
        citation="Barsoum, Zhang, Canton Ferrer and Zhang, Training deep networks for facial "
        "expression recognition with crowd-sourced label distribution, ICMI 2016.",
        licence="The votes: MIT. The pictures are FER2013's, under its terms.",
        get="Microsoft's FERPlus repository on GitHub (microsoft/FERPlus): put fer2013new.csv "
        "beside fer2013.csv.",
        layout="""\
fer2013/                   FERPlus lies in FER2013's folder
├── fer2013.csv
├── fer2013new.csv         Usage,Image name,neutral,happiness,...,unknown,NF; or
├── FER2013Train/          the folders of FERPlus's generator
│   ├── fer0000000.png
│   └── label.csv
├── FER2013Valid/
└── FER2013Test/""",
        counts="35,887 rows of votes; how many faces are usable depends on the rule: majority "
        "keeps 25,060 of the training and 3,199 of the validation faces.",
        expected={"splits": {"train": 25_060, "valid": 3199}, "size": (48, 48)},
        forms={"FER2013Train/": {"size": (48, 48)}},
    ),
    Card(
        name="ckplus",
        title="Extended Cohn-Kanade (CK+): posed sequences from neutral to the peak",
        papers=("minaee2019",),
        citation="Lucey et al., The extended Cohn-Kanade dataset (CK+): a complete dataset for "
        "action unit and emotion-specified expression, CVPR Workshops 2010.",
        licence="Research only, after signing an agreement; only some of the people may be shown "
        "in print.",
        get="Ask Jeffrey Cohn's group at the University of Pittsburgh, who send the agreement. "
        "CK+48 and ckextended.csv were cut from it by others, who uploaded them to Kaggle; that "
        "does not replace the agreement.",
        layout="""\
ckplus/
├── CK+48/                 the last three frames of each sequence
│   ├── anger/
│   │   └── S010_004_00000017.png        subject_sequence_frame
│   └── contempt/ disgust/ fear/ happy/ sadness/ surprise/
├── ckextended.csv         or: emotion,pixels,Usage as in FER2013; 7 is contempt
├── cohn-kanade-images/    or: the original sequences
│   └── S005/001/S005_001_00000001.png
└── Emotion/               with their labels
    └── S005/001/S005_001_00000011_emotion.txt""",
        counts="CK+48: 981 pictures = 327 sequences x 3 frames, 118 people, no neutral. The "
        "original: 593 sequences of 123 people, 327 of them labelled. ckextended.csv: 920 rows.",
        expected={
            "faces": 981,
            "subjects": 118,
            "classes": _by_class(*(3 * count for count in _CKPLUS), classes=FER8),
            "size": (48, 48),
        },
        forms={
            "cohn-kanade-images/": {
                "faces": 981,
                "subjects": 118,
                "classes": _by_class(*(3 * count for count in _CKPLUS), classes=FER8),
            },
            "ckextended.csv": {
                "faces": 920,
                "classes": _by_class(45, 59, 25, 69, 28, 83, 593, 18, classes=FER8),
                "size": (48, 48),
            },
        },
    ),
    Card(
        name="jaffe",
        title="JAFFE: ten Japanese women, seven posed expressions",
        papers=("minaee2019",),
        citation="Lyons, Akamatsu, Kamachi and Gyoba, Coding facial expressions with Gabor "
        "wavelets, FG 1998.",
        licence="Non-commercial scientific research only; not to be passed on.",
        get="Request access to 'The Japanese Female Facial Expression (JAFFE) Dataset' on Zenodo "
        "(doi 10.5281/zenodo.3451524); follow its instructions to the letter.",
        layout="""\
jaffe/
├── KA.AN1.39.tiff         subject.expression+take.number
├── KA.AN2.40.tiff         AN DI FE HA NE SA SU
└── ...""",
        counts="213 pictures of 256x256, 10 people.",
        expected={
            "faces": 213,
            "subjects": 10,
            "classes": _by_class(30, 29, 32, 31, 31, 30, 30),
            "size": (256, 256),
        },
    ),
    Card(
        name="kdef",
        title="Karolinska Directed Emotional Faces: seven expressions from five angles",
        papers=("pandey2019", "borgalli2022"),
        citation="Lundqvist, Flykt and Ohman, The Karolinska Directed Emotional Faces, Karolinska "
        "Institutet, 1998.",
        licence="Only for researchers, only for non-commercial purposes; never to be passed on "
        "without written consent.",
        get="The site of the data set, kdef.se.",
        layout="""\
KDEF/
├── AF01/                  session A/B, gender F/M, number 01-35
│   ├── AF01AFFL.JPG       + expression AF AN DI HA NE SA SU
│   └── AF01ANHL.JPG       + angle FL HL S HR FR
└── ...""",
        counts="4,900 pictures of 562x762, 70 people: 7 expressions from 5 angles, twice. Two of "
        "the names are cut off in the archive (AF31V.JPG, AM31H.JPG).",
        expected={
            "faces": 4900,
            "subjects": 70,
            "classes": dict.fromkeys(FER7, 700),
            "size": (562, 762),
        },
    ),
    Card(
        name="ferg",
        title="FERG-DB: six cartoon characters, seven expressions",
        papers=("minaee2019",),
        citation="Aneja, Colburn, Faigin, Shapiro and Mones, Modeling stylized character "
        "expressions via deep learning, ACCV 2016.",
        licence="Terms come with the access, which is given on request; do not pass it on.",
        get="Fill in the form on the page of the FERG database, University of Washington (Graphics "
        "and Imaging Laboratory).",
        layout="""\
FERG_DB_256/
├── aia/                   aia bonnie jules malcolm mery ray
│   ├── aia_anger/         anger disgust fear joy neutral sadness surprise
│   │   └── aia_anger_1.png
│   └── ...
└── ...""",
        counts="55,767 pictures of 256x256, 6 characters.",
        expected={
            "faces": 55_767,
            "subjects": 6,
            "classes": _by_class(9169, 8571, 7419, 7330, 7627, 8712, 6939),
            "size": (256, 256),
        },
    ),
    Card(
        name="rafdb",
        title="RAF-DB: faces from the internet, labelled by about forty people each",
        papers=("borgalli2022",),
        citation="Li, Deng and Du, Reliable crowdsourcing and deep locality-preserving learning "
        "for expression recognition in the wild, CVPR 2017.",
        licence="Non-commercial research only; not to be passed on.",
        get="Ask Weihong Deng's group at Beijing University of Posts and Telecommunications for "
        "the password, from an address of your institution.",
        layout="""\
basic/
├── EmoLabel/
│   └── list_patition_label.txt        lines 'train_00001.jpg 5'
└── Image/
    ├── aligned/
    │   └── train_00001_aligned.jpg    ... test_0001_aligned.jpg
    └── original/
        └── train_00001.jpg
1 Surprise 2 Fear 3 Disgust 4 Happiness 5 Sadness 6 Anger 7 Neutral; above 7: the compound set""",
        counts="The basic set: 15,339 pictures = 12,271 training + 3,068 test.",
        expected={**_from_splits(_RAFDB), "size": (100, 100)},
    ),
    Card(
        name="rafd",
        title="Radboud Faces Database: eight expressions, five camera angles, three gazes",
        papers=("borgalli2022",),
        citation="Langner et al., Presentation and validation of the Radboud Faces Database, "
        "Cognition and Emotion 24(8), 2010.",
        licence="Scientific use only, by researchers at universities; students only under a "
        "supervisor, who asks for access.",
        get="The request form of the Radboud Faces Database, Radboud University Nijmegen.",
        layout="""\
rafd/
├── Rafd090_01_Caucasian_female_angry_frontal.jpg
└── ...                    camera angle, model, group, gender, expression, gaze""",
        counts="8,040 pictures = 67 people x 8 expressions x 5 angles x 3 gazes.",
        expected={"faces": 8040, "subjects": 67, "classes": dict.fromkeys(FER8, 1005)},
    ),
    Card(
        name="sfew",
        title="SFEW 2.0: single frames of feature films",
        papers=("borgalli2022",),
        citation="Dhall, Goecke, Lucey and Gedeon, Static facial expression analysis in tough "
        "conditions: data, evaluation protocol and benchmark, ICCV Workshops 2011.",
        licence="Terms come with the access, which is given on request; do not pass it on.",
        get="Ask Abhinav Dhall, organiser of the EmotiW challenges.",
        layout="""\
sfew/
├── Train/
│   ├── Angry/             Angry Disgust Fear Happy Neutral Sad Surprise
│   │   └── Airheads_000519240_00000005.png
│   └── ...
├── Val/
│   └── Angry/ ...
└── Train_Aligned_Faces/ Val_Aligned_Faces/    or: the faces, cut out""",
        counts="958 training and 436 validation frames; the labels of 372 test frames were never "
        "published. Counts per class: not stated.",
        expected={"faces": 1394, "splits": {"train": 958, "valid": 436}},
    ),
    Card(
        name="amfed",
        title="AM-FED+: webcam videos of people watching commercials, with action units",
        papers=("borgalli2022",),
        citation="McDuff, Amr and el Kaliouby, AM-FED+: an extended dataset of naturalistic facial "
        "expressions collected in everyday settings, IEEE Transactions on Affective Computing "
        "10(1), 2019.",
        licence="Under an agreement that users sign; do not pass it on.",
        get="Ask Affectiva (now part of Smart Eye) for the agreement.",
        layout="""\
AMFEDPLUS_Distribution/
├── Videos - FLV (labeled)/
│   └── ID.flv
└── AU Labels/
    └── ID-label.csv       Time,AU02,AU04,...,Smile: who saw it, in per cent""",
        counts="1,044 videos. It has no expressions; how the papers make them of the action units "
        "is not stated, so the rules here are our own, and no count of pictures can be expected.",
    ),
    Card(
        name="folder",
        title="A folder of your own photos, labelled by the names of folders or of files",
        papers=(),
        citation="Your own pictures.",
        licence="Ask the people shown. Photos stay on your computer: the kit sends nothing.",
        get="Take some; one face in each picture, and somebody who agrees to it.",
        layout="""\
photos/
├── happy/                 any spelling: Happy, JOY, happiness
│   └── anything.jpg
├── sad/
└── happy_anything.jpg     or without folders: the expression first (or last) in the name""",
        counts="As many as you have.",
    ),
)

#: Name -> card, the embedded data set first.
CARDS: dict[str, Card] = {card.name: card for card in _CARDS}
