"""How to train, as data: every hyper-parameter a paper states, and a note where it is silent."""

import json
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar, NoReturn

from fer_utils import _html
from fer_utils._arguments import NoSuchKey, Telling, spoken
from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.ranges import (
    BATCH,
    DECAY,
    EPOCHS,
    MILLION,
    NOT_NEGATIVE,
    SHARE,
    Range,
    check_all,
    spelled,
)
from fer_utils.train.augment import RANGES as CHANGES
from fer_utils.train.augment import Augmentation

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "exponential", "steps", "plateau", "one_cycle", "linear")
#: Schedules that know from the first epoch on which will be the last.
LOOK_AHEAD = ("one_cycle", "linear")
L2_TARGETS = ("convolutions", "last two linear layers")
BALANCES = ("none", "weights", "sampler", "oversample", "augment")

_OR_NEVER = Range(0, MILLION, whole=True, why="epochs; 0 is never")
#: What the numbers of `Recipe` may be.
RANGES = {
    "learning_rate": Range(0, above=True),
    "batch": BATCH,
    "epochs": EPOCHS,
    "decay": Range(0, 1, above=True, why="a factor on the learning rate"),
    "weight_decay": NOT_NEGATIVE,
    "l2": NOT_NEGATIVE,
    "label_smoothing": Range(0, 1, below=True, why="a share of the target"),
    "average": DECAY,
    "epsilon": Range(0, 1, above=True),
    "momentum": DECAY,
    "dampening": SHARE,
    "plateau": _OR_NEVER,
    "patience": _OR_NEVER,
    "mixup": Range(0, 1000, why="alpha of a beta distribution; 0 is never"),
    "late": _OR_NEVER,
    "distil": SHARE,
}


@dataclass(frozen=True, repr=False)
class Recipe(Telling):
    """One way to train a network, for `train.fit`.

    Attributes:
        source: key of the paper, or where the recipe comes from.
        optimizer: an entry of `OPTIMIZERS`.
        learning_rate: at the start; for `one_cycle` the highest.
        batch: pictures per step.
        epochs: passes over the training split, at most.
        schedule: an entry of `SCHEDULES`. `exponential` multiplies the rate by `decay` after
            every epoch, `steps` as `steps` says, `plateau` by `decay` after `plateau` epochs in
            a row without a higher validation accuracy; `one_cycle` rises for 15 % of the steps
            and falls along a cosine; `linear` is constant for half of the epochs and then falls
            evenly to 0.
        decay: see schedule.
        weight_decay: the optimizer's own.
        l2: weight of the sum of squares added to the loss, over the weights of `l2_on`.
        l2_on: an entry of `L2_TARGETS`.
        label_smoothing: share of the target spread over all classes.
        average: decay per step of an exponential moving average (EMA) of the weights, which is
            then what is validated and kept; 0 switches it off.
        augmentation: random changes of the training pictures.
        notes: what the paper leaves open, and what was chosen here.
        betas: adam's and adamw's shares of the old averages of gradient and squared gradient.
            `one_cycle` moves the first between 0.95 and 0.85, and sgd's momentum likewise.
        epsilon: what adam and adamw add to the denominator.
        momentum: sgd's.
        dampening: sgd multiplies each new gradient by 1 - `dampening`, as torch does.
        nesterov: sgd looks ahead (needs momentum, and no dampening).
        steps: ((20, 0.5), (40, 0.2)) halves the rate after 20 epochs, and takes a fifth of that
            after 40.
        plateau: see schedule.
        patience: stop after so many epochs in a row without a higher validation accuracy;
            0 never stops early.
        votes: learn from the taggers' votes as shares instead of one label per face: a rule of
            `FaceSet.vote_distribution`; empty learns from the labels.
        mixup: mix every picture, and its target, with another of the batch; the share is drawn
            from Beta(`mixup`, `mixup`) for each batch (Zhang et al., "mixup", 2018). 0: never.
        late: for so many epochs at the start no dropout, augmentation or mixup. A deep net
            without batch norm may otherwise not find its way out of the class frequencies
            (late dropout: Liu et al., "Dropout reduces underfitting", 2023).
        distil: self-distillation: share of the target that, in the last epoch, is the net's own
            prediction for the face an epoch before (soft labels); it grows evenly from the first
            epoch on. A face whose label the net cannot believe then weighs less (Kim et al.,
            "Self-knowledge distillation with progressive refinement of targets", 2021). 0: never.
        balance: what is done about rare classes, an entry of `BALANCES`. "weights": their faces
            count more in the loss (`balance.class_weights`). "sampler": an epoch has as many faces
            as before, the same number of every class: some come several times, others not at all.
            "oversample": an epoch has every face once, and those of the rarer classes again and
            again until every class has as many as the largest. "augment": the same, but refused
            without an `augmentation`, which changes each copy in its own way (borgalli2022).
    """

    MEANT: ClassVar = {
        "lr": "recipe.learning_rate",
        "batch_size": "recipe.batch",
        "name": "recipe.source",
        "replace": "dataclasses.replace(recipe, NAME=VALUE)",
    }

    source: str
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch: int = 32
    epochs: int = 80
    schedule: str = "constant"
    decay: float = 1.0
    weight_decay: float = 0.0
    l2: float = 0.0
    l2_on: str = "convolutions"
    label_smoothing: float = 0.0
    average: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    notes: tuple[str, ...] = ()
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    momentum: float = 0.9
    dampening: float = 0.0
    nesterov: bool = True
    steps: tuple[tuple[int, float], ...] = ()
    plateau: int = 0
    patience: int = 0
    votes: str = ""
    mixup: float = 0.0
    late: int = 0
    distil: float = 0.0
    balance: str = "none"

    def __post_init__(self) -> None:
        """Refuse what `fit` could not do."""
        for value, known in (
            (self.optimizer, OPTIMIZERS),
            (self.schedule, SCHEDULES),
            (self.l2_on, L2_TARGETS),
            (self.balance, BALANCES),
        ):
            if not isinstance(value, str) or value not in known:
                raise FerError(f"{value!r} is not one of: {', '.join(known)}.")
        check_all(self, RANGES)
        for wrong, why in self._mistakes():
            if wrong:
                raise FerError(why)

    def _mistakes(self) -> tuple[tuple[bool, str], ...]:
        """Pair each thing that may be wrong with what to say then."""
        looks_ahead = self.optimizer == "sgd" and self.nesterov
        return (
            (
                not isinstance(self.augmentation, Augmentation),
                f"augmentation={self.augmentation!r}: expected an Augmentation.",
            ),
            (not isinstance(self.votes, str), f"votes={self.votes!r}: expected a rule's name."),
            (
                not isinstance(self.nesterov, bool),
                f"nesterov={self.nesterov!r}: expected True or False.",
            ),
            (
                not _row(self.betas, (DECAY, DECAY)),
                f"betas={self.betas!r}: expected two numbers from 0 to below 1.",
            ),
            (
                not isinstance(self.steps, tuple | list)
                or not all(_row(step, (EPOCHS, Range(0, above=True))) for step in self.steps),
                f"steps={self.steps!r}: expected ((epoch, factor), ...), both above 0.",
            ),
            (
                self.distil > 0 and self.mixup > 0,
                "distil needs what the net said of one face, mixup shows it two: choose one.",
            ),
            (
                looks_ahead and (self.momentum <= 0 or self.dampening != 0),
                "nesterov=True needs momentum above 0 and dampening=0; or pass nesterov=False.",
            ),
            (
                (self.schedule == "steps") != bool(self.steps),
                "schedule='steps' and steps=((epoch, factor), ...) need each other.",
            ),
            (
                (self.schedule == "plateau") != (self.plateau > 0),
                "schedule='plateau' and plateau=1 or more epochs need each other.",
            ),
            (
                self.schedule == "plateau" and self.decay == 1,
                "schedule='plateau' lowers the rate by decay, which must be below 1 for it.",
            ),
            (
                self.balance != "none" and self.votes != "",
                "balance needs one label for each face, votes give it several: choose one.",
            ),
            (
                self.balance == "augment" and self.augmentation == Augmentation(),
                "balance='augment' needs an augmentation, or its copies would be the same face.",
            ),
        )

    def chosen(self) -> dict[str, object]:
        """Return by name what every recipe has to say, and what differs from the defaults."""
        always = ("optimizer", "learning_rate", "batch", "epochs", "schedule")
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        default = {item.name: item.default for item in fields(self) if item.default is not MISSING}
        default.update(source=self.source, augmentation=Augmentation(), notes=self.notes)
        return {name: v for name, v in values.items() if name in always or v != default[name]}

    def __repr__(self) -> str:
        """Say in one sentence what it does, e.g. `Recipe(alessi2019: adam, ...)`."""
        words = ", ".join(
            str(value) if isinstance(value, str | Augmentation) else f"{name} {value!r}"
            for name, value in self.chosen().items()
        )
        return f"Recipe({self.source}: {words.replace('_', ' ')})"

    def _repr_html_(self) -> str:
        rows = [(name.replace("_", " "), value) for name, value in self.chosen().items()]
        notes = [("left open", note) for note in self.notes]
        return _html.rows([("source", self.source), *rows, *notes])

    def as_dict(self) -> dict:
        """Return the recipe as plain values, for cards and run files."""

        def plain(pairs: list[tuple[str, Any]]) -> dict:
            # numpy's numbers are no JSON
            return {key: value.item() if hasattr(value, "item") else value for key, value in pairs}

        return asdict(self, dict_factory=plain)


# a wrong name is answered in the kit's words, of `dataclasses.replace` too
Recipe.__init__ = spoken(Recipe.__init__)  # type: ignore[method-assign]


def _row(values: object, ranges: tuple[Range, ...]) -> bool:
    """Whether values are so many numbers, one in each range."""
    return (
        isinstance(values, tuple | list)
        and len(values) == len(ranges)
        and all(value in known for value, known in zip(values, ranges, strict=True))
    )


# FERPlus's public code: shift and skew as shares of the side, scale 1.05, 20 degrees, mirror.
_FERPLUS_CHANGES = Augmentation(rotation=20, shift=0.08, zoom=0.05, flip=True, skew=0.05)
_FERPLUS_STEPS = ((20, 0.5), (40, 0.2))
_ARRIAGA_CHANGES = Augmentation(rotation=10, shift=0.1, zoom=0.1, flip=True)


class _Recipes(dict[str, Recipe]):
    """Recipes by name, which say so of a name that is none."""

    def __missing__(self, name: str) -> NoReturn:
        raise NoSuchKey(f"no recipe called {name!r}.{nearest(name, self)}")


_KNOWN = {
    "alessi2019": Recipe(
        source="alessi2019",
        optimizer="adam",
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        epsilon=1e-8,
        batch=32,
        epochs=80,
        schedule="exponential",
        decay=0.95,
        l2=0.01,
        l2_on="convolutions",
        augmentation=_ARRIAGA_CHANGES,
        notes=(
            "The paper names rotation, shifts, zoom and flip without ranges: 10 degrees, 10 %, "
            "10 % are those of Arriaga's public code, from which its network comes.",
            "The paper measures every epoch on its test set and has no validation split; here "
            "the validation split chooses the epoch.",
            "Its formula for L2 sums over all parameters, its text says kernels of convolutions: "
            "we follow the text.",
        ),
    ),
    "minaee2019": Recipe(
        source="minaee2019",
        optimizer="adam",
        learning_rate=0.005,
        batch=128,
        epochs=500,
        weight_decay=1e-5,
        l2=1e-3,
        l2_on="last two linear layers",
        augmentation=Augmentation(rotation=10, shift=0.05, zoom=0.05, flip=True),
        notes=(
            "The paper states Adam with weight decay but not how much: 1e-5 is chosen here.",
            "The weight of the L2 term was tuned on validation data and is not stated: 1e-3.",
            "The batch size is not stated: 128 is the public port's.",
            "The paper uses augmentation and says nothing about it: kinds and ranges are ours.",
            "Which of the 500 epochs is kept is not stated: here the best on validation.",
            "The Gaussian start of the weights (0, 0.05) belongs to the network, not to a recipe.",
        ),
    ),
    "ferplus": Recipe(
        source="barsoum2016",
        optimizer="sgd",
        learning_rate=0.05,
        momentum=0.9,
        dampening=0.9,
        nesterov=False,
        batch=32,
        epochs=100,
        schedule="steps",
        steps=_FERPLUS_STEPS,
        augmentation=_FERPLUS_CHANGES,
        notes=(
            "Barsoum, Zhang, Canton Ferrer and Zhang, 'Training deep networks for facial "
            "expression recognition with crowd-sourced label distribution' (2016): the numbers "
            "are those of the authors' public code for VGG13.",
            "Its library, CNTK, counts a new gradient as 1 - momentum of the step; dampening 0.9 "
            "says the same to torch. Without it each step would be ten times as long.",
            "Scale 1.05 is drawn per axis from 1/1.05 to 1.05 there, for both axes at once here.",
            "Its histogram equalisation and plane fit of every picture are left out.",
        ),
    ),
    "pandey2019": Recipe(
        source="pandey2019",
        optimizer="adam",
        learning_rate=1e-4,
        batch=32,
        epochs=100,
        schedule="steps",
        steps=_FERPLUS_STEPS,
        augmentation=_FERPLUS_CHANGES,
        notes=(
            "For Tables II and IV (FERPlus, majority labels, 64x64, 4 runs each). The paper "
            "states one change to FERPlus's training, Adam: the rest is as in recipe ferplus.",
            "Adam's rate is not stated, only that it is the same with and without derivatives: "
            "1e-4, since VGG13 has no batch norm.",
            "Whether the rate still falls after 20 and 40 epochs is not stated: kept.",
            "For the network of Table III nothing is stated but equal settings in all 4 runs: "
            "we train it as VGG13.",
            "On facs3d VGG13 stays at the class frequencies with it; --set late=4 batch=16 lets it "
            "learn.",
        ),
    ),
    "pandey2019_rtnn": Recipe(
        source="pandey2019",
        optimizer="adam",
        learning_rate=1e-3,
        batch=32,
        epochs=200,
        schedule="plateau",
        decay=0.1,
        plateau=12,
        patience=50,
        l2=0.01,
        l2_on="convolutions",
        augmentation=_ARRIAGA_CHANGES,
        notes=(
            "For Table I (KDEF, 7 classes). The paper states no hyper-parameter for it: all are "
            "those of Arriaga's public code, whose network RTNN is.",
            "That code allows 10,000 epochs and stops 50 after the best: 200 at most here.",
            "It watches the validation loss; `fit` watches the validation accuracy.",
            "Number of runs and split are not stated; split KDEF by subject.",
        ),
    ),
    "mazen2021": Recipe(
        source="mazen2021",
        optimizer="adam",
        learning_rate=1e-3,
        betas=(0.5, 0.999),
        batch=128,
        epochs=20,
        schedule="plateau",
        decay=0.1,
        plateau=3,
        patience=6,
        notes=(
            "For the transfer from VGG-Face.",
            "Early stopping, the best checkpoint and reduce on plateau are stated, the last for "
            "the validation accuracy; factor and patiences are not: 0.1 is Keras's default, 3 "
            "and 6 epochs are ours.",
            "'Predefined performance measures' choose the checkpoint: here validation accuracy.",
            "No augmentation is stated (the generator resizes and colours), so there is none.",
            "Whether the VGG-Face base learns is not stated; 'bottleneck features' suggest not: "
            "freeze it before `fit`.",
            "The paper splits 80 / 20 and names no validation split; beta_2 is not stated.",
        ),
    ),
    "borgalli2022": Recipe(
        source="borgalli2022",
        optimizer="adam",
        learning_rate=1e-4,
        batch=32,
        epochs=100,
        patience=10,
        augmentation=Augmentation(
            rotation=10, shift=0.1, zoom=0.1, flip=True, blur=1.0, noise=0.05
        ),
        notes=(
            "For all four networks (5 layers on KDEF, VGG16 on RaFD, InceptionResNetV2 on SFEW "
            "and AM-FED+, LIGHTVGG on RAF-DB): the paper states nothing by which their training "
            "differs, and no optimiser, rate, batch size, number of epochs or loss at all.",
            "Adam, batch 32 and at most 100 epochs are ours; 1e-4, because three of the four "
            "have no batch norm.",
            "Training ends when validation accuracy no longer rises: the paper says so, without "
            "a patience. 10 epochs are ours.",
            "It names flipping, rotation, cropping, blurring and noise without ranges: 10 "
            "degrees, 10 %, 1 pixel, 0.05 are ours, shift and zoom standing for crops.",
            "It augments to balance the classes, as balance='augment' does (--balance augment); "
            "the recipe augments every face alike.",
            "The networks are 'taught from begin': random weights, nothing frozen.",
        ),
    ),
    "one_cycle": Recipe(
        source="this kit",
        optimizer="adamw",
        learning_rate=6e-3,
        batch=128,
        epochs=60,
        schedule="one_cycle",
        weight_decay=0.01,
        average=0.998,
        augmentation=Augmentation(rotation=10, shift=0.08, zoom=0.1, flip=True),
        notes=(
            "Smith and Topin, 'Super-convergence' (2019): fewer epochs at a higher rate.",
            "The average of the weights is what is validated and kept.",
        ),
    ),
    "small_resnet": Recipe(
        source="this kit",
        optimizer="sgd",
        learning_rate=0.1,
        batch=128,
        epochs=60,
        schedule="one_cycle",
        weight_decay=5e-4,
        label_smoothing=0.1,
        average=0.998,
        augmentation=Augmentation(rotation=12, shift=0.1, zoom=0.12, flip=True, erase=0.25),
        notes=(
            "For photographs: FER2013's labels, or FERPlus's votes with --set votes=probability "
            "label_smoothing=0.",
            "Nesterov momentum, which one_cycle moves between 0.85 and 0.95.",
        ),
    ),
}
#: Every recipe by its name.
RECIPES = _Recipes(_KNOWN)


def recipe(name: str) -> Recipe:
    """Return an entry of `RECIPES`.

    Raises:
        FerError: no such recipe (the message lists those there are).
    """
    found = RECIPES.get(name) if isinstance(name, str) else None
    if found is None:
        raise FerError(f"no recipe called {name!r}.{nearest(name, RECIPES)}")
    return found


def as_recipe(chosen: Recipe | str) -> Recipe:
    """Return a recipe as it is, or the one of that name.

    Raises:
        FerError: neither a recipe nor the name of one.
    """
    return chosen if isinstance(chosen, Recipe) else recipe(chosen)


#: Keys of recipes and run states that were written before they had today's names.
OLD_NAMES = {"optimiser": "optimizer", "said": "soft_targets"}


def with_new_names(stored: dict) -> dict:
    """Return a recipe or a state that was read from a file, with today's names as keys."""
    return {OLD_NAMES.get(key, key): value for key, value in stored.items()}


def with_defaults(stored: dict) -> dict:
    """Return a recipe that was written as JSON, with the settings that recipes have gained since.

    A new setting's default changes nothing, so a run that was begun before can go on.

    Args:
        stored: `Recipe.as_dict` as JSON reads it back, whole or in part.
    """
    # through JSON tuples become lists, as they are in `stored`
    defaults = json.loads(json.dumps(Recipe(source="").as_dict()))
    augmentation = {**defaults["augmentation"], **stored.get("augmentation", {})}
    return {**defaults, **with_new_names(stored), "augmentation": augmentation}


# Pairs and tables (betas, steps) do not fit "name=value": those are changed in Python.
#: What `changed` can change: the numbers of a recipe, its schedule, the changes of pictures.
CHANGEABLE = (
    *("learning_rate", "batch", "decay", "weight_decay", "l2", "label_smoothing", "average"),
    *("momentum", "plateau", "patience", "schedule", "votes", "mixup", "late", "distil"),
    "balance",
    *CHANGES,
)


def changed(original: Recipe, words: Iterable[str]) -> Recipe:
    """Return a recipe with some values replaced.

    Args:
        original: stays as it is.
        words: "name=value" each, e.g. "learning_rate=5e-4"; names are those of `CHANGEABLE`.

    Raises:
        FerError: not of that form, no such name, a name that is given twice, a value that is out
            of range, or values that do not go together.
    """
    values: dict[str, Any] = {}
    pictures: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in CHANGEABLE:
            raise FerError(
                f"{word!r}: expected NAME=VALUE, the name one of {', '.join(CHANGEABLE)}."
            )
        chosen = pictures if name in CHANGES else values
        if name in chosen:
            raise FerError(f"{name} is given twice, the second time as {text!r}: give it once.")
        chosen[name] = spelled(text) if name in RANGES | CHANGES else text
    return replace(original, augmentation=replace(original.augmentation, **pictures), **values)
