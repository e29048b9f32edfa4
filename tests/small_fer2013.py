"""A small fer2013.csv with FERPlus's votes, made of noise: every class in every split."""

import numpy as np

from fer_utils.data.datasets.ferplus import VOTES_FILE

NAMES = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
COLUMN = (4, 5, 6, 1, 3, 2, 0, 7)  # of each class of FER8 among the votes
USAGE = ("Training", "PublicTest", "PrivateTest")


FOLDERS = ("FER2013Train", "FER2013Valid", "FER2013Test")


def write(folder, faces=(32, 16, 0), folders=False):
    """Write the two files; `faces` counts the rows of the three parts, one is left out if 0.

    With `folders` also FERPlus's own label.csv files, which do not have the first face of a part,
    and in which everybody sees the class one further on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    rows, votes = ["emotion,pixels,Usage"], [f"Usage,Image name,{NAMES}"]
    for usage, number in zip(USAGE, faces, strict=True):
        for label in np.arange(number) % 8:
            bright = 255 * (label + 1) // 9 + random.integers(-20, 20, 48 * 48)
            pixels = " ".join(map(str, np.clip(bright, 0, 255)))
            rows.append(f"{label % 7},{pixels},{usage}")
            cast = [10 if column == COLUMN[label] else 0 for column in range(10)]
            name = f"fer{len(votes):07}.png" if folders else "face.png"
            votes.append(f"{usage},{name},{','.join(map(str, cast))}")
    for usage, name in zip(USAGE, FOLDERS, strict=True) if folders else ():
        lines = [line.split(",") for line in votes if line.startswith(usage)][1:]
        place = folder / "FERPlus" / "data" / name
        place.mkdir(parents=True)
        seen = [(line[1], [*line[9:10], *line[2:9], *line[10:]]) for line in lines]
        table = "".join(f'{face},"(0, 0, 48, 48)",{",".join(cast)}\n' for face, cast in seen)
        (place / "label.csv").write_text(table)
    (folder / "fer2013.csv").write_text("\n".join(rows) + "\n")
    (folder / VOTES_FILE).write_text("\n".join(votes) + "\n")
    return folder
