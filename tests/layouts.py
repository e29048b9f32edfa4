"""Small data sets on disk, in the layouts in which they are distributed, drawn from facs3d.

Each function fills a folder and returns it: names and folders are those of the real set, the
pictures are facs3d's faces. Nothing here shows anybody.
"""

import functools
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fer_utils import data
from fer_utils.data import FaceSet
from fer_utils.data._decoding import Form
from fer_utils.data._index import DatasetIndex
from fer_utils.data._reading import ReadOptions, read

#: CK+48: folder -> number of labelled sequences.
CK_SEQUENCES = {
    "anger": 45, "contempt": 18, "disgust": 59, "fear": 25, "happy": 69, "sadness": 28,
    "surprise": 83,
}  # fmt: skip

#: JAFFE: letters -> number of pictures.
JAFFE_PICTURES = {"AN": 30, "DI": 29, "FE": 32, "HA": 31, "NE": 30, "SA": 31, "SU": 30}
JAFFE_PEOPLE = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")

KDEF_LETTERS = ("AF", "AN", "DI", "HA", "NE", "SA", "SU")
KDEF_ANGLES = ("FL", "HL", "S", "HR", "FR")
FERG_WORDS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
FERG_CHARACTERS = ("aia", "bonnie", "jules", "malcolm", "mery", "ray")
RAFD_WORDS = (
    "angry", "contemptuous", "disgusted", "fearful", "happy", "neutral", "sad", "surprised",
)  # fmt: skip
SFEW_WORDS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")


@functools.cache
def faces() -> FaceSet:
    """Return facs3d's faces, with those of contempt."""
    return data.load("facs3d", contempt=True)


@functools.cache
def _of(expression: str) -> np.ndarray:
    return np.flatnonzero(faces().labels == faces().class_index(expression))


def read_index(index: DatasetIndex, size: int, name: str = "", **options) -> FaceSet:
    """Read an index with the words of `data.load`."""
    reading = {key: options.pop(key) for key in ("on_error", "cache", "progress") if key in options}
    return read(index, Form(size, **options), ReadOptions(**reading), name)


def face(word: str, number: int) -> np.ndarray:
    """Return the face of that number (around and around) of an expression: uint8 (48, 48)."""
    from fer_utils.emotions import canonical

    places = _of(canonical(word))
    return faces().images[places[number % len(places)], 0]


def save(path: Path, word: str, number: int, size: tuple[int, int] = (48, 48)) -> None:
    """Write a face as a picture file of `size` (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(face(word, number))
    picture.resize(size).save(path, format=None if path.suffix else "png")


def clutter(folder: Path) -> None:
    """Leave behind what operating systems leave behind."""
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "Thumbs.db").write_bytes(b"\0")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._picture.png").write_bytes(b"\0")


def ckplus48(root: Path, sequences: dict[str, int] = CK_SEQUENCES, people: int = 118) -> Path:
    """CK+48: by default its 981 files of 327 sequences and 118 people."""
    folder = root / "CK+48"
    # Most people have numbers up to 138; the last ones were recorded elsewhere.
    names = [f"S{n:03}" for n in range(5, 115)] + [f"S{n}" for n in (*range(501, 507), 895, 999)]
    words = [word for word, count in sequences.items() for _ in range(count)]
    np.random.default_rng(0).shuffle(words)
    for place, word in enumerate(words):
        subject, sequence = names[place % people], place // people + 1
        last = 9 + place % 20
        for frame in range(last - 2, last + 1):
            save(folder / word / f"{subject}_{sequence:03}_{frame:08}.png", word, 3 * place + frame)
    return folder


def ckextended(
    root: Path,
    per_class: int = 3,
    newline: str = "\n",
    quote: str = "",
    name: str = "ckextended.csv",
) -> Path:
    """ckextended.csv: labels 0 to 7 in FER2013's order, 7 is contempt."""
    from fer_utils.emotions import FER8

    lines = ["emotion,pixels,Usage"]
    usage = ["Training", "PublicTest", "PrivateTest"]
    for label, word in enumerate(FER8):
        for number in range(per_class):
            pixels = " ".join(map(str, face(word, number).ravel()))
            lines.append(f"{label},{quote}{pixels}{quote},{usage[number % 3]}")
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(newline.join(lines) + newline, newline="")
    return root


def ck_sequences(root: Path) -> Path:
    """The original sequences: four people, five sequences, one of them without a label."""
    sequences = [
        ("S005", "001", 11, 3), ("S010", "002", 14, 7), ("S010", "004", 19, 1),
        ("S011", "006", 5, 5), ("S502", "001", 8, None),
    ]  # fmt: skip
    words = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
    for subject, sequence, count, label in sequences:
        stem = f"{subject}_{sequence}"
        word = "neutral" if label is None else words[label]
        for frame in range(1, count + 1):
            folder = root / "cohn-kanade-images" / subject / sequence
            shown = word if frame > 1 else "neutral"
            save(folder / f"{stem}_{frame:08}.png", shown, frame, (64, 49))
        emotion = root / "Emotion" / subject / sequence
        emotion.mkdir(parents=True)
        facs = root / "FACS" / subject / sequence
        facs.mkdir(parents=True)
        (facs / f"{stem}_{count:08}_facs.txt").write_text("   9.0000000e+00   4.0000000e+00\n")
        if label is not None:
            (emotion / f"{stem}_{count:08}_emotion.txt").write_text(f"   {label}.0000000e+00\n")
    clutter(root / "cohn-kanade-images" / "S010")
    return root


def jaffe(root: Path, pictures: dict[str, int] = JAFFE_PICTURES) -> Path:
    """JAFFE: by default all of its 213 names, with takes from 1."""
    folder = root / "jaffe"
    number = 0
    for letters, count in pictures.items():
        for place in range(count):
            number += 1
            person, take = JAFFE_PEOPLE[place % 10], place // 10 + 1
            name = f"{person}.{letters}{take}.{number}.tiff"
            save(folder / name, _JAFFE_WORDS[letters], number, (64, 64))
    (folder / "README").write_text("semantic ratings\n")
    return folder


_JAFFE_WORDS = {
    "AN": "angry", "DI": "disgust", "FE": "fear", "HA": "happy", "NE": "neutral", "SA": "sad",
    "SU": "surprise", "AF": "fear",
}  # fmt: skip


def kdef(root: Path, people: int = 2) -> Path:
    """KDEF: 70 pictures for every person (F01, M01, F02, ...), and AKDEF beside it."""
    top = root / "KDEF_and_AKDEF"
    for place in range(people):
        person = f"{'FM'[place % 2]}{place // 2 + 1:02}"
        for session in "AB":
            for letters in KDEF_LETTERS:
                for angle in KDEF_ANGLES:
                    name = f"{session}{person}"
                    file = top / "KDEF" / name / f"{name}{letters}{angle}.JPG"
                    save(file, _JAFFE_WORDS[letters], place, (56, 76))
    save(top / "AKDEF" / "FAFS.JPG", "fear", 0, (56, 76))
    (top / "ReadThis").mkdir()
    return top


def ferg(root: Path, each: int = 2) -> Path:
    """FERG_DB_256: `each` pictures of every character and expression."""
    folder = root / "FERG_DB_256"
    for character in FERG_CHARACTERS:
        for word in FERG_WORDS:
            for number in range(1, each + 1):
                name = f"{character}_{word}"
                save(folder / character / name / f"{name}_{number}.png", word, number, (64, 64))
    return folder


def rafdb(root: Path, train: int = 14, test: int = 7) -> Path:
    """RAF-DB's basic set: the folders EmoLabel and Image/aligned."""
    words = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    folder = root / "basic"
    names = [f"train_{n:05}" for n in range(1, train + 1)]
    names += [f"test_{n:04}" for n in range(1, test + 1)]
    lines = []
    for place, name in enumerate(names):
        label = place % 7 + 1
        lines.append(f"{name}.jpg {label}\n")
        file = folder / "Image" / "aligned" / f"{name}_aligned.jpg"
        save(file, words[label - 1], place, (100, 100))
    (folder / "EmoLabel").mkdir()
    (folder / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines))
    return folder


def rafd(root: Path) -> Path:
    """RaFD: three people, eight expressions, two camera angles, three gazes."""
    folder = root / "RafD"
    people = ("01_Caucasian_female", "05_Kid_male", "73_Moroccan_male")
    for person in people:
        for angle in ("045", "090"):
            for word in RAFD_WORDS:
                for gaze in ("frontal", "left", "right"):
                    name = f"Rafd{angle}_{person}_{word}_{gaze}.jpg"
                    save(folder / name, word, len(name), (48, 72))
    return folder


def sfew(root: Path, each: int = 3, *, aligned: bool = True, frames: bool = True) -> Path:
    """SFEW: Train and Val with folders of expressions, Test without; aligned faces beside."""
    folder = root / "SFEW 2.0"
    kinds = ["frames"] * frames + ["aligned"] * aligned
    for kind in kinds:
        for part in ("Train", "Val", "Test"):
            place = folder / (part if kind == "frames" else f"{part}_Aligned_Faces")
            size = (72, 57) if kind == "frames" else (71, 90)
            for word in SFEW_WORDS:
                inner = place if part == "Test" else place / word
                for number in range(each if part == "Train" else 1):
                    film = ("Airheads", "AboutABoy", "Gandhi_II")[number % 3]
                    name = f"{film}_{SFEW_WORDS.index(word):04}19240_{number:08}.png"
                    save(inner / name, word, number, size)
    return folder


def amfed(root: Path) -> Path:
    """AM-FED+: two labelled videos of four seconds and one without labels.

    The first is neutral, happy from the second 1, both happy and disgusted from 2, surprised from
    3. In the second the tracker fails from 2 and a brow that no rule takes comes at 3.
    """
    folder = root / "AMFEDPLUS_Distribution"
    labels = folder / "AU Labels"
    labels.mkdir(parents=True)
    (labels / "0bebd5c1-ea42-label.csv").write_text(
        "Time,Smile,AU02,AU09,AU26\n0,0,0,0,0\n1,100,0,0,0\n2,66,0,100,0\n3,0,100,0,50\n4,0,0,0,0\n"
    )
    (labels / "73d8-9f-label.csv").write_text(
        "Time,AU04,Unilateral_LAU12,Trackerfail\n0,0,100,0\n2,0,0,100\n3,100,0,0\n4,0,0,0\n"
    )
    videos = folder / "Videos - FLV (labeled)"
    for number, name in enumerate(("0bebd5c1-ea42", "73d8-9f", "unlabelled")):
        video(videos / f"{name}.flv", number)
    (folder / "Landmark Points (labeled videos)").mkdir()
    return folder


def video(path: Path, number: int, seconds: int = 4, rate: int = 10) -> None:
    """Write a small video: in second s, the face of an expression (neutral, happy, ...)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flash = 2  # Sorenson's codec of .flv files
    writer = cv2.VideoWriter(str(path), flash, rate, (64, 48))
    for frame in range(seconds * rate):
        word = ("neutral", "happy", "disgust", "surprise")[frame // rate % 4]
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:, 8:56] = face(word, number)[..., None]
        writer.write(picture)
    writer.release()


def photos(root: Path) -> Path:
    """One's own photos, a folder for each expression, spelled as people spell them."""
    folder = root / "my photos"
    for word in ("Happy", "SADNESS", "03-surprised", "joy"):
        for number in range(2):
            save(folder / word / f"Bild größer {number}.jpeg", word, number, (60, 80))
    return folder
