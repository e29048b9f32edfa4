"""pandey2019's Table I on drawn faces: the networks of its six rows, three seeds each.

    python -m fer_lab.experiments.table_one
        all runs that are missing, then table and figure; it goes on where it was interrupted
    python -m fer_lab.experiments.table_one --seeds 1
        a part of the runs: several programs can share them

The table is KDEF's, which must be asked for; facs3d stands in for it, whose people are all in one
part of the split, too. So no number here says anything of a published one. It says what the
networks do when all else is equal: same faces, same recipe, three seeds instead of one run. The
pictures are 48 x 48, brought to the paper's 64 x 64; the recipe is one_cycle, since 200 epochs of
Arriaga's would take days. Once all runs are there, figures/table_one.csv and .png are written.
"""

from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from fer_lab.experiment import Experiment, Fit, accuracy_dots, parts, scored, table
from fer_utils import models, papers, train
from fer_utils.evaluate import evaluate

SEEDS = (0, 1, 2)
# Too few epochs to average weights.
RECIPE = replace(train.recipe("one_cycle"), epochs=6, batch=64, average=0.0)


@dataclass(frozen=True)
class Arm:
    """The network of a row.

    Attributes:
        name: the row's, as printed.
        network: the arguments of `models.create` that build it.
    """

    name: str
    network: dict


ARMS = tuple(Arm(claim.row, claim.experiment) for claim in papers.claims("pandey2019:I"))


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train and score one net."""
    faces = parts("facs3d")
    net = models.create(**arm.network, classes=faces["train"].classes, seed=seed)
    history = fit(net, faces, RECIPE, device="cpu")
    return {
        **scored(history, evaluate(net, faces["test"])),
        "parameters": models.count(net),
        "valid_accuracy": history.best["valid_accuracy"],
    }


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    return [arm, RECIPE]


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    return table(
        [
            f"networks of pandey2019's Table I (KDEF) on drawn faces, facs3d, {len(SEEDS)} seeds; "
            f"64 x 64; recipe one_cycle, but {RECIPE.epochs} epochs, batch {RECIPE.batch}, no "
            "average of weights",
            f"correct: of the n = {rows[0]['n']} faces of the test split, at the best validation "
            "epoch",
            f"made by: {EXPERIMENT.command}",
        ],
        ["arm", "seed", "parameters", "correct", "n", "best_epoch", "valid_accuracy"],
        rows,
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw every run as a dot, with the size of the network."""
    sizes = {row["arm"]: f"{row['parameters']:,}" for row in rows}
    axis = "accuracy on facs3d's test faces, % (the paper's are KDEF's)"
    return accuracy_dots(rows, notes=sizes, notes_label="parameters", xlabel=axis)


EXPERIMENT = Experiment("table_one", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
