"""A small fer2013.csv with FERPlus's votes, made of noise: every class in every split."""

import numpy as np

from fer_utils.data.datasets.ferplus import VOTES_FILE

NAMES = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
COLUMN = (4, 5, 6, 1, 3, 2, 0, 7)  # of each class of FER8 among the votes
USAGE = ("Training", "PublicTest", "PrivateTest")


def write(folder, faces=(32, 16, 0)):
    """Write the two files; `faces` counts the rows of the three parts, one is left out if 0."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    rows, votes = ["emotion,pixels,Usage"], [f"Usage,Image name,{NAMES}"]
    for usage, number in zip(USAGE, faces, strict=True):
        for label in np.arange(number) % 8:
            bright = 255 * (label + 1) // 9 + random.integers(-20, 20, 48 * 48)
            pixels = " ".join(map(str, np.clip(bright, 0, 255)))
            rows.append(f"{label % 7},{pixels},{usage}")
            cast = [10 if column == COLUMN[label] else 0 for column in range(10)]
            votes.append(f"{usage},face.png,{','.join(map(str, cast))}")
    (folder / "fer2013.csv").write_text("\n".join(rows) + "\n")
    (folder / VOTES_FILE).write_text("\n".join(votes) + "\n")
    return folder
