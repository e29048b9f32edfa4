"""What is kept of a published number: one row of results, or one count of parameters."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setup:
    """How a row is trained and scored, as far as the paper does it otherwise than this kit.

    Attributes:
        test: a random share of all faces that is the test set, whatever parts were published; the
            rest is learned from. 0 leaves the division as it is published, or as the data set's
            layout draws it.
        epoch: which epoch is scored: "valid", the best on a validation part; "last", the last one,
            without any choice; "test", the best on the test set itself, as papers do that have no
            validation part.
        load: further arguments of `data.load`: (("crop", "haar"),) cuts out the face.
        voted: label every face by the most votes among the network's classes, the first of equals.
        balanced: repeat training faces until every class has as many; augmentation tells them
            apart.
        base: whose weights the convolutional base starts from; it is frozen, and its features are
            computed once. Nobody may pass such weights on: who trains the row gives the file.
        without: a part of the training that is left out: "augmentation" or "normalization".
        assumed: what the paper does not state and is decided here, in words.
    """

    test: float = 0.0
    epoch: str = "valid"
    load: tuple[tuple[str, str], ...] = ()
    voted: bool = False
    balanced: bool = False
    base: str = ""
    without: str = ""
    assumed: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what is not as it is by default, without words, as JSON reads it back.

        A run from before a setting was there goes on: it has the default.
        """
        mine = asdict(self) | {"load": dict(self.load), "assumed": ""}
        usual = asdict(Setup()) | {"load": {}}
        return {name: mine[name] for name in usual if mine[name] != usual[name]}


@dataclass(frozen=True)
class Claim:
    """One row of a table of results.

    Attributes:
        paper: key of the paper.
        table: number of the table or figure, as printed; "text" where it stands in the text only.
        row: the row's name, as printed.
        dataset: what it was trained and tested on; its name in `data.catalog.CARDS` where there
            is one.
        protocol: runs and test set, as far as stated.
        metric: what `value` is; accuracies are in per cent.
        value: as printed; `low` and `high` are the least and best of several runs.
        experiment: the arguments of `models.create` that build the row's network; empty where no
            network of this kit belongs to it.
        recipe: how to train it, an entry of `RECIPES`; empty takes that of the network's paper.
        label_rule: the rule that makes FERPlus's votes labels, an entry of `relabel.RULES`.
        n: test faces, stated or recovered from the printed numbers.
        note: what to know before believing the number.
        comparable: why no run of this kit can be set beside it, whatever data are at hand; empty
            where one can.
        unit: of `value`, `low` and `high`: "%", "points" of per cent, "frames/s", "s"; empty for
            a share of 1.
        decimals: digits printed after the point: what tells 83.3 from 83.30.
        setup: how the row is trained and scored.
        gain_of: for a gain, the key of the row that has what this row's own training lacks: their
            runs are compared pair by pair.
    """

    paper: str
    table: str
    row: str
    dataset: str
    protocol: str
    metric: str
    value: float
    experiment: dict = field(default_factory=dict, hash=False)
    low: float | None = None
    high: float | None = None
    recipe: str = ""
    label_rule: str = ""
    n: int | None = None
    note: str = ""
    comparable: str = ""
    unit: str = "%"
    decimals: int = 2
    setup: Setup = Setup()
    gain_of: str = ""

    @property
    def printed(self) -> str:
        """The value, digit by digit as the paper has it, without its unit."""
        return f"{self.value:.{self.decimals}f}"

    @property
    def key(self) -> str:
        """Paper, table and row, joined by colons."""
        return f"{self.paper}:{self.table}:{self.row}"


def printed(text: str) -> dict[str, Any]:
    """Return a number's value and its digits after the point, from the text that was printed.

    Tables of these modules keep numbers as text, because "83.30" promises more than "83.3".
    """
    return {"value": float(text), "decimals": len(text.partition(".")[2])}


@dataclass(frozen=True)
class Count:
    """A published number of parameters.

    Attributes:
        paper: key of the paper.
        where: table or figure.
        value: to the unit, by the paper's own convention; None where no layout of the paper's
            gives the number it prints.
        printed: as the paper's text has it, often cut short; empty where it has none, and the
            value follows from the layout alone.
        experiment: the arguments of `models.create`.
        note: why the number of the network built here is another one; empty where it is not.
    """

    paper: str
    where: str
    value: int | None
    printed: str
    experiment: dict = field(hash=False)
    note: str = ""
