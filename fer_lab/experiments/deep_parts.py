"""What does each part of the recipe of the kit's best net bring? Deep small_resnet, parts left out.

    python -m fer_lab.experiments.deep_parts
        all runs that are missing, then table and figure; it goes on where it was interrupted
    python -m fer_lab.experiments.deep_parts --share 1/3
        a third of the runs; two other programs do 2/3 and 3/3, on the same GPU if there is one

FER2013 must be where `python -m fer_utils data` finds it. The whole recipe is that of
small_resnet_fer2013, as its card has it; each part is left out with three seeds. This is work for a
GPU: three such trainings at once took 371 s on one H100, so all 27 runs take about an hour there,
and weeks on a processor core. Once all are there, figures/deep_parts.csv and .png are written.

As in recipe_parts, the runs are scored on PublicTest, which also chose their epochs.
"""

from fer_lab.experiments.recipe_parts import Arm, Study

STUDY = Study(
    "deep_parts",
    variant="deep",
    epochs=171,
    seeds=(0, 1, 2),
    arms=(
        Arm("whole recipe"),
        Arm("no distil", {"distil": 0.0}),
        Arm("label smoothing for distil", {"distil": 0.0, "label_smoothing": 0.1}),
        Arm("no augmentation", pictures=None),
        Arm("no erasing", pictures={"erase": 0.0}),
        Arm("no mirror image", pictures={"flip": False}),
        Arm("constant rate", {"schedule": "constant"}),
        Arm("no moving average", {"average": 0.0}),
        Arm("no weight decay", {"weight_decay": 0.0}),
    ),
    changes="distil=0.7 label_smoothing=0 erase=0.1 rotation=10 shift=0.08 zoom=0.1",
)
EXPERIMENT = STUDY.experiment

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
