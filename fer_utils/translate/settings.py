"""What a training of two generators can be told; nothing heavy is imported."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field

from fer_utils._arguments import check_truth, choice, shown
from fer_utils.errors import FerError
from fer_utils.ranges import DECAY, NOT_NEGATIVE, Range, check_all

#: Kind of generator -> residual blocks, where they are not named.
GENERATORS = {"resnet": 6, "change": 4}
#: Sides that 4 does not divide would come out of the generator larger; SSIM needs 11 pixels.
SIDES = Range(12, 512, whole=True, why="pixels; a multiple of 4")
#: Pictures of a class, below which a discriminator knows each of them by heart.
FEWEST = 8
STEPS = Range(1, 10_000_000, whole=True, why="steps")

RANGES = {
    "filters": Range(1, 256, whole=True),
    "blocks": Range(0, 32, whole=True),
    "dropout": Range(0, 1, below=True),
    "learning_rate": Range(0, 1, above=True),
    "pool": Range(1, 10_000, whole=True, why="pictures"),
    "random_flips": Range(0, 1, below=True, why="a share of the labels"),
}


def check_sides(sides: Collection[tuple[int, int]]) -> None:
    """Raise a FerError unless pictures of these heights and widths are what generators take."""
    ((height, width), *others) = sorted(sides)
    if others or height != width or height not in SIDES or height % 4:
        found = " and ".join(f"{one} x {other}" for one, other in sorted(sides))
        raise FerError(
            f"the pictures are {found} pixels: give squares of one size, {SIDES.low} to "
            f"{SIDES.high} pixels and a multiple of 4."
        )


@dataclass(frozen=True)
class Weights:
    """How much each term counts in the generators' loss; see `losses`.

    mazen2021's: 1 for the adversarial loss, 2 for identity, 5 for the mean of the cycle's three.
    """

    adversarial: float = 1.0
    identity: float = 2.0
    l1: float = 5 / 3
    l2: float = 5 / 3
    ssim: float = 5 / 3

    def __post_init__(self) -> None:
        """Refuse what is no weight."""
        check_all(self, dict.fromkeys(asdict(self), NOT_NEGATIVE))


@dataclass(frozen=True)
class Settings:
    """How to train; the defaults are mazen2021's, apart from the size of the nets.

    Attributes:
        generator: "change" draws only what changes (`ChangeGenerator`), "resnet" is the paper's.
        filters: of generators and discriminators at full size; Zhu et al. take 64 for 256 pixels.
        blocks: residual blocks; None takes 4 for "change" and 6 for "resnet".
        dropout: share that the generators' residual blocks drop in training.
        weights: of the losses.
        learning_rate: Adam's in the first half of the steps; in the second it falls to 0.
        betas: Adam's.
        pool: how many generated pictures are kept, of which the discriminators see every second.
        flip_labels: call generated pictures 1 and real ones 0. As long as it is done throughout,
            this changes nothing: the discriminator becomes 1 minus itself.
        random_flips: share of the discriminators' labels that are wrong on purpose.
        mirror: show every second picture mirrored.
    """

    generator: str = "change"
    filters: int = 16
    blocks: int | None = None
    dropout: float = 0.0
    weights: Weights = field(default_factory=Weights)
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    pool: int = 50
    flip_labels: bool = False
    random_flips: float = 0.0
    mirror: bool = True

    def __post_init__(self) -> None:
        """Fill in the blocks, and refuse what `fit` could not do."""
        choice("generator", self.generator, GENERATORS)
        if self.blocks is None:
            object.__setattr__(self, "blocks", GENERATORS[self.generator])
        check_all(self, RANGES)
        if not isinstance(self.weights, Weights):
            raise FerError(f"weights={shown(self.weights)}: expected Weights.")
        betas = self.betas
        if not (isinstance(betas, tuple | list) and len(betas) == 2):
            raise FerError(f"betas={shown(betas)}: expected two numbers from 0 to below 1.")
        for beta in betas:
            DECAY.check("betas", beta)
        object.__setattr__(self, "betas", (betas[0], betas[1]))
        check_truth("flip_labels", self.flip_labels)
        check_truth("mirror", self.mirror)

    def as_dict(self) -> dict:
        """Return the settings as plain values, for cards and run files."""
        return {**asdict(self), "betas": list(self.betas)}
