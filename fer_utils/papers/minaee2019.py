"""minaee2019: Deep-Emotion, a small CNN behind a spatial transformer; four data sets.

Minaee and Abdolrashidi, "Deep-Emotion: facial expression recognition using attentional
convolutional network" (2019).
"""

from dataclasses import replace

from fer_utils.papers.record import Claim, Setup, printed

_OURS = "The proposed algorithm"

# Tables I to IV: accuracies in per cent; the last row of each is the paper's own
_TABLES = {
    "I": (
        ("Bag of Words", "67.4"),
        ("VGG+SVM", "66.31"),
        ("GoogleNet", "65.2"),
        ("Mollahosseini et al", "66.4"),
        (_OURS, "70.02"),
    ),
    "II": (
        ("DeepExpr", "89.02"),
        ("Ensemble Multi-feature", "97"),
        ("Adversarial NN", "98.2"),
        (_OURS, "99.3"),
    ),
    "III": (
        ("Fisherface", "89.2"),
        ("Salient Facial Patch", "91.8"),
        ("CNN+SVM", "95.31"),
        (_OURS, "92.8"),
    ),
    "IV": (
        ("MSR", "91.4"),
        ("3DCNN-DAP", "92.4"),
        ("Inception", "93.2"),
        ("IB-CNN", "95.1"),
        ("IACNN", "95.37"),
        ("DTAGN", "97.2"),
        ("ST-RNN", "97.2"),
        ("PPDN", "97.3"),
        (_OURS, "98.0"),
    ),
}

_DATASET = {"I": "fer2013", "II": "ferg", "III": "jaffe", "IV": "ckplus"}

_PROTOCOL = {
    "I": "28,709 to train, 3.5k to validate, 3,589 to test",
    "II": "around 34k to train, 14k to validate, 7k to test (1k of each expression, at random)",
    "III": "120 to train, 23 to validate, 70 to test (10 of each expression)",
    "IV": "70 % to train, 10 % to validate, 20 % to test",
}

_N = {"I": 3_573, "II": 7_000, "III": 70, "IV": 196}

_NOTE = {
    "I": "Its confusion matrix (Fig. 8) holds 3,573 faces, not 3,589, of which 2,502 are right "
    "(70.025 %, so the paper cuts digits off). Its row sums are those of FER+ labels: the most "
    "votes among the first seven columns of FERPlus's test folder.",
    "II": "Fig. 9: 6,952 of 7,000 right. Pictures of the same six characters are on both sides.",
    "III": "Fig. 10: 65 of 70 right (92.857 %, cut to 92.8). One picture is 1.4 points, and the "
    "table's CNN+SVM is higher. Ten women: the same people are on both sides.",
    "IV": "No matrix is printed. Rounded, 98.0 % fits 192 of 196 or 193 of 197, 20 % of the 981 "
    "pictures of CK+48; it fits neither 20 % of its 327 sequences nor of all 593. With three "
    "frames of each sequence split at random, near-copies are on both sides.",
}

# Seven expressions and no neutral face: CK+48 has none.
_CKPLUS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "contempt"]
_NET = {"name": "deep_emotion", "num_classes": 7}
_NETS = {"IV": {**_NET, "classes": _CKPLUS}}

# The labels behind Fig. 8, see `_NOTE`: whoever tests by them has learned from them as well.
_SETUPS = {"I": Setup(load=(("votes", "label.csv"),), voted=True)}
_QUOTED = "another group's method, quoted; no network of this kit belongs to it"


def _row(table: str, row: str, value: str) -> Claim:
    own = row == _OURS
    return Claim(
        paper="minaee2019",
        table=table,
        row=row,
        dataset=_DATASET[table],
        protocol=_PROTOCOL[table] if own else "quoted; protocol not stated",
        metric="accuracy",
        **printed(value),
        experiment=_NETS.get(table, _NET) if own else {},
        recipe="minaee2019" if own else "",
        n=_N[table] if own else None,
        note=_NOTE[table] if own else "",
        comparable="" if own else _QUOTED,
        setup=_SETUPS.get(table, Setup()) if own else Setup(),
    )


_QUOTED_AND_OWN = tuple(_row(table, *row) for table, rows in _TABLES.items() for row in rows)

# One printed number, read in two ways: as its matrix has it (above), and as its text has it.
_AS_STATED = replace(
    next(row for row in _QUOTED_AND_OWN if row.table == "I" and row.row == _OURS),
    row=f"{_OURS}, by FER2013's own labels",
    n=3_589,
    note="The same 70.02 % as the text states it: FER2013's test set of 3,589 faces, its labels. "
    "The matrix (Fig. 8) shows that other labels were scored.",
    setup=Setup(),
)

CLAIMS = (*_QUOTED_AND_OWN, _AS_STATED)
