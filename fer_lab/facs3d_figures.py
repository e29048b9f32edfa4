"""The contact sheets of the drawn faces.

    python scripts/figures.py facs3d

Each NAME.png has a NAME.csv beside it that says what every face is.
"""

from pathlib import Path

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from faces3d import drawing, identity
from faces3d.action_units import PROTOTYPES
from faces3d.parts import PARTS
from fer_utils.commands import as_csv
from fer_utils.data.datasets import facs3d
from fer_utils.files import write

PEOPLE = (4, 5, 9, 12, 26, 31)  # one row each of the large sheet
SHOWN = 900  # pixels across a page; a sheet that is wider is shown smaller, its names with it
# One colour per part, told apart by colour-blind readers through their lightness.
COLORS = np.array(
    [
        (255, 255, 255), (236, 214, 196), (96, 48, 16), (0, 90, 180), (230, 159, 0),
        (245, 190, 170), (200, 30, 60), (120, 170, 120), (250, 228, 120), (170, 120, 190),
        (50, 50, 50), (150, 180, 200), (0, 0, 0),
    ],
    np.uint8,
)  # fmt: skip


def draw_all(folder: Path) -> list[Path]:
    """Draw the three contact sheets into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [large_sheet(folder), test_sheet(folder), parts_sheet(folder)]


def save(folder: Path, name: str, sheet: np.ndarray, titles: list[str], rows: list[list]) -> Path:
    """Write the sheet with column titles above it as name.png, and rows as name.csv."""
    height, width = sheet.shape[:2]
    letters = font(width)
    margin = round(1.5 * letters.size)
    picture = Image.new("RGB", (width, height + margin), "white")
    picture.paste(Image.fromarray(sheet), (0, margin))
    pen = ImageDraw.Draw(picture)
    for column, title in enumerate(titles):
        place = (column * width // len(titles) + 4, margin // 2)
        pen.text(place, title, fill="black", font=letters, anchor="lm")
    path = folder / f"{name}.png"
    picture.save(path, optimize=True)
    write(folder / f"{name}.csv", as_csv([], rows))
    return path


def font(width: int) -> ImageFont.FreeTypeFont:
    """Return letters of 13 pixels where the page shows them."""
    size = round(13 * max(1, width / SHOWN))
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


def large_sheet(folder: Path) -> Path:
    """Eight expressions of several people at 192x192, in colour, full strength."""
    rows: list[list] = [["row", "identity", "male", "age", "melanin", "haircut", "glasses"]]
    for row, number in enumerate(PEOPLE):
        traits = identity.person(number).traits
        shares = [f"{value:.2f}" for value in (traits.male, traits.age, traits.melanin)]
        rows.append([row, number, *shares, traits.haircut, traits.glasses])
    sheet = drawing.sheet(PEOPLE, size=192, color=True)
    return save(folder, "facs3d_192", sheet, list(PROTOTYPES), rows)


def test_sheet(folder: Path, across: int = 20) -> Path:
    """The first test faces of every class as packed, 48x48 grey, doubled."""
    faces = facs3d.load("test", contempt=True)
    about = [np.asarray(part) for part in (faces.rows, faces.subjects, faces.votes)]
    rows: list[list] = [["class", "column", "row_in_pack", "subject", *faces.vote_names]]
    lines = []
    for label, name in enumerate(faces.classes):
        chosen = np.flatnonzero(faces.labels == label)[:across]
        tiles = np.full((across, facs3d.SIZE, facs3d.SIZE), 255, np.uint8)
        tiles[: len(chosen)] = faces.images[chosen, 0]
        lines.append(np.concatenate(list(tiles), 1))
        for column, i in enumerate(chosen):
            row, subject, votes = (part[i] for part in about)
            rows.append([name, column, row, subject, *votes])
    sheet = np.concatenate(lines).repeat(2, 0).repeat(2, 1)
    strip = np.full((len(sheet), 160), 255, np.uint8)
    named = Image.fromarray(np.concatenate([strip, sheet], 1))
    pen, letters = ImageDraw.Draw(named), font(named.width)
    for label, name in enumerate(faces.classes):
        place = (4, (2 * label + 1) * facs3d.SIZE)
        pen.text(place, name, fill=0, font=letters, anchor="lm")
    titles = ["test faces of facs3d as packed, 48x48 grey, doubled"]
    return save(folder, "facs3d_48", np.asarray(named.convert("RGB")), titles, rows)


def parts_sheet(folder: Path, count: int = 8) -> Path:
    """Test faces with their part labels, neutral twins and the difference."""
    faces = facs3d.load("test")
    stored = (faces.twins, faces.regions, faces.rows)
    twins, regions, numbers = map(np.asarray, stored)
    rows: list[list] = [["row", "class", "row_in_pack", *PARTS]]
    lines = []
    for line in range(count):
        i = int(np.flatnonzero(faces.labels == line % len(faces.classes))[line + 2])
        face, twin, region = faces.images[i, 0], twins[i, 0], regions[i]
        change = np.abs(face.astype(int) - twin)
        grey = [face, twin, np.clip(255 - 2 * change, 0, 255).astype(np.uint8)]
        tiles = [np.repeat(g[..., None], 3, 2) for g in grey] + [COLORS[region]]
        lines.append(np.concatenate(tiles, 1))
        pixels = np.bincount(region.ravel(), minlength=len(PARTS))
        rows.append([line, faces.classes[faces.labels[i]], numbers[i], *pixels])
    sheet = np.concatenate(lines).repeat(3, 0).repeat(3, 1)
    titles = ["face", "neutral twin", "difference (dark)", "part labels"]
    return save(folder, "facs3d_parts", sheet, titles, rows)
