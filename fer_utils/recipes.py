"""How to train, as data: every hyper-parameter a paper states, and a note where it is silent."""

from dataclasses import asdict, dataclass, field

from fer_utils.augment import Augmentation
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "exponential", "one_cycle")
L2_TARGETS = ("convolutions", "last two linear layers")


@dataclass(frozen=True)
class Recipe:
    """One way to train a network; `train.fit` carries it out.

    Attributes:
        source: key of the paper, or where the recipe comes from.
        optimiser: an entry of `OPTIMISERS`; sgd has Nesterov momentum 0.9.
        learning_rate: at the start; for `one_cycle` the highest.
        batch: pictures per step.
        epochs: passes over the training split.
        schedule: an entry of `SCHEDULES`; `exponential` multiplies by `decay` every epoch,
            `one_cycle` rises for 15 % of the steps and falls along a cosine.
        decay: see schedule.
        weight_decay: the optimiser's own.
        l2: weight of the sum of squares added to the loss, over the weights of `l2_on`.
        l2_on: an entry of `L2_TARGETS`.
        label_smoothing: share of the target spread over all classes.
        average: decay per step of a moving average of the weights, which is then what is
            validated and kept; 0 switches it off.
        augmentation: random changes of the training pictures.
        notes: what the paper leaves open, and what was chosen here.
    """

    source: str
    optimiser: str = "adam"
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

    def __post_init__(self) -> None:
        """Refuse words that `fit` does not know."""
        for value, known in (
            (self.optimiser, OPTIMISERS),
            (self.schedule, SCHEDULES),
            (self.l2_on, L2_TARGETS),
        ):
            if value not in known:
                raise FerError(f"{value!r} is not one of: {', '.join(known)}.")
        if self.batch < 2:
            raise FerError(f"batch={self.batch}: batch norm needs 2 pictures or more.")
        if self.epochs < 1:
            raise FerError(f"epochs={self.epochs}: train for 1 epoch or more.")

    def as_dict(self) -> dict:
        """Return the recipe as plain values, for cards and run files."""
        return asdict(self)


RECIPES = {
    "alessi2019": Recipe(
        source="alessi2019",
        optimiser="adam",
        learning_rate=1e-3,
        batch=32,
        epochs=80,
        schedule="exponential",
        decay=0.95,
        l2=0.01,
        l2_on="convolutions",
        augmentation=Augmentation(rotation=10, shift=0.1, zoom=0.1, flip=True),
        notes=(
            "The paper names rotation, shifts, zoom and flip without ranges: 10 degrees, 10 %, "
            "10 % are those of Arriaga's public code, from which its network comes.",
            "The paper picks the epoch on its test set; here the validation split chooses.",
        ),
    ),
    "minaee2019": Recipe(
        source="minaee2019",
        optimiser="adam",
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
            "Batch size and augmentation ranges are not stated: 128 is the public port's.",
        ),
    ),
    "one_cycle": Recipe(
        source="this kit",
        optimiser="adamw",
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
}


def recipe(name: str) -> Recipe:
    """Return an entry of `RECIPES`.

    Raises:
        FerError: no such recipe (the message lists those there are).
    """
    if name not in RECIPES:
        raise FerError(f"no recipe called {name!r}.{nearest(name, RECIPES)}")
    return RECIPES[name]
