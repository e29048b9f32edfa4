"""The head mesh and its targets, and the flat map ("reference map") that everything is painted on.

Lengths are decimetres, x to the person's left, y up, z towards the viewer. Every vertex keeps the
place it has on the average adult, its *reference position*. Skin, brows, wrinkles and part labels
are painted at reference positions, so they sit at the same feature of every person and move with
the skin when the face moves.
"""

import functools
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_utils.files import read_checked

HEAD_FILE = Path(__file__).with_name("head.npz")
HEAD_SHA256 = "9e5d594978ecced693e714b8bd2a47b1885aa7b8ea9441b29859b49768f39b84"

BODY, EYE, TEETH, TONGUE = range(4)  # values of Head.part
MAP_HEIGHT, MAP_WIDTH = 384, 448  # texels of the reference map
MAP_TOP, MAP_BOTTOM = 8.5, 5.4  # reference y of its first and last row
MAP_ANGLE = 2.0  # radians left and right of straight ahead
AXIS_Z = 0.45  # the vertical axis that the map is wrapped around
PEOPLES = ("caucasian", "african", "asian")
SEXES = ("female", "male")


@dataclass(frozen=True)
class Head:
    """Mesh, targets by name, reference positions and their place on the map (see load_head)."""

    vertices: np.ndarray
    triangles: np.ndarray
    part: np.ndarray
    targets: dict[str, np.ndarray]
    reference: np.ndarray
    map_uv: np.ndarray
    masks: dict[str, np.ndarray]
    vertex_part: np.ndarray

    def target(self, name: str) -> np.ndarray:
        """Displacement (vertices, 3) of a target; zero where a target does not touch the head."""
        found = self.targets.get(name)
        return np.zeros_like(self.vertices) if found is None else found


def map_coordinates(position: np.ndarray) -> np.ndarray:
    """Column and row (float32, in texels) on the reference map of reference positions (..., 3)."""
    angle = np.arctan2(position[..., 0], position[..., 2] - AXIS_Z)
    column = (angle / MAP_ANGLE * 0.5 + 0.5) * MAP_WIDTH
    row = (MAP_TOP - position[..., 1]) / (MAP_TOP - MAP_BOTTOM) * MAP_HEIGHT
    return np.stack([column, row], -1).astype(np.float32)


@functools.lru_cache(maxsize=1)
def load_head(path: Path = HEAD_FILE) -> Head:
    """The head of head.npz (checked by SHA-256, loaded without pickle)."""
    archive = np.load(io.BytesIO(read_checked(path, HEAD_SHA256)), allow_pickle=False)
    vertices, triangles, part = archive["vertices"], archive["triangles"], archive["part"]
    which, where, value = (archive[k] for k in ("target", "target_vertex", "target_thousandths"))
    targets = {}
    for number, name in enumerate(archive["target_names"]):
        dense = np.zeros_like(vertices)
        mine = which == number
        dense[where[mine]] = value[mine].astype(np.float32) / 1000
        targets[str(name)] = dense
    reference = vertices.copy()
    for people in PEOPLES:
        for sex in SEXES:
            reference += targets[f"race:{people}-{sex}-young"] / 6
    vertex_part = np.zeros(len(vertices), np.uint8)
    for number in (EYE, TEETH, TONGUE):
        vertex_part[np.unique(triangles[part == number])] = number
    masks = {
        k.removeprefix("mask_"): archive[k].astype(np.float32) / 255
        for k in archive.files
        if k.startswith("mask_")
    }
    return Head(
        vertices,
        triangles.astype(np.int32),
        part,
        targets,
        reference,
        map_coordinates(reference),
        masks,
        vertex_part,
    )


@functools.lru_cache(maxsize=1)
def map_positions() -> np.ndarray:
    """Reference position of every texel of the map: (rows, columns, 3); 0 where there is none."""
    positions = bake(load_head().reference, fill=np.nan)
    # The slits of mouth and eyes have no outer skin: continue their rims into them.
    for _ in range(12):
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            hole = np.isnan(positions[..., 0])
            positions[hole] = np.roll(positions, step, axis)[hole]
    return np.nan_to_num(positions)


@functools.lru_cache(maxsize=8)
def map_mask(name: str) -> np.ndarray:
    """A vertex mask of the head ("lips", "eyelids", "ears", "lid_margin") baked onto the map."""
    return bake(load_head().masks[name][:, None], fill=0.0)[..., 0]


def bake(values: np.ndarray, fill: float) -> np.ndarray:
    """Spread per-vertex values (vertices, k) of the outer skin over the map's texels."""
    from faces3d import raster

    head = load_head()
    skin = (head.part == BODY) & (head.masks["inside_mouth"][head.triangles].max(1) < 0.5)
    depth = -np.hypot(head.reference[:, 0], head.reference[:, 2] - AXIS_Z)
    points = np.concatenate([head.map_uv, depth[:, None]], 1).astype(np.float32)
    triangles = head.triangles[skin]
    across = head.map_uv[triangles, 0]
    triangles = np.ascontiguousarray(triangles[np.ptp(across, axis=1) < MAP_WIDTH / 2])
    triangle, weights, _ = raster.rasterise(
        points,
        triangles,
        np.zeros(len(triangles), np.uint8),
        MAP_HEIGHT,
        MAP_WIDTH,
        len(triangles),
        head.map_uv,
        np.zeros((2, 2, 4), np.float32),
    )
    out = np.full((MAP_HEIGHT, MAP_WIDTH, values.shape[1]), fill, np.float32)
    inside = triangle >= 0
    corner = values[triangles[triangle[inside]]]
    out[inside] = (corner * weights[inside][:, :, None]).sum(1)
    return out
