"""Draw a face: person, action units, pose and light to a picture with part labels."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from faces3d import face_shape, glasses, hair, parts, raster, shading, wrinkles
from faces3d.head import load_head
from faces3d.identity import Person, lower_teeth

CAMERA = 9.0  # decimetres from the face: a mild portrait perspective
FRAME = 1.55  # picture height in units of the distance from the eyes to the chin
EYE_LEVEL = 0.385  # height of the eyes in the picture, from the top
IRIS_RADIUS, PUPIL = 0.066, 0.40


@dataclass(frozen=True)
class View:
    """Pose in degrees, gaze, framing and light of one picture.

    yaw > 0 turns the face to the right of the picture, pitch > 0 tilts it up, roll > 0 turns it
    clockwise. Light directions point from the face to the lamp: x right, y up, z to the viewer.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    key_from: tuple[float, float, float] = (0.35, 0.45, 0.82)
    key: float = 0.95
    fill_from: tuple[float, float, float] = (-0.6, 0.1, 0.8)
    fill: float = 0.25
    sky: float = 0.42
    ground: float = 0.2
    exposure: float = 1.0


def rotation(view: View) -> np.ndarray:
    """Rotation matrix (3, 3) float32 of a view's pose."""
    yaw, pitch, roll = (math.radians(a) for a in (view.yaw, -view.pitch, -view.roll))
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (tilt @ nod @ turn).astype(np.float32)


@functools.lru_cache(maxsize=1)
def scene_mesh() -> dict[str, np.ndarray]:
    """Head, spectacles and hair as one mesh: triangles, their part, map coordinates, masks.

    The triangles of the hair are the last ones; see `first_hair`.
    """
    head = load_head()
    hair_triangles, hair_uv = hair.grid()
    frame = glasses.triangles()
    count, frame_count = len(head.vertices), int(frame.max()) + 1
    extra = frame_count + len(hair_uv)
    inside = np.where(lower_teeth(), np.float32(1), head.masks["inside_mouth"])
    front = head.reference[head.triangles][..., 2].max(1) > -0.1
    kept = head.triangles[front]
    pieces = [kept, frame + count, hair_triangles + count + frame_count]
    numbers = [head.part[front], np.full(len(frame), shading.FRAME)]
    numbers.append(np.full(len(hair_triangles), shading.HAIR))
    part = np.concatenate(numbers).astype(np.uint8)
    nothing = np.zeros((frame_count, 2), np.float32)
    return {
        "triangles": np.ascontiguousarray(np.concatenate(pieces)),
        "part": part,
        "one_sided": (part <= 1).astype(np.uint8),
        "uv": np.concatenate([head.map_uv, nothing, hair_uv]),
        "reference": np.concatenate([head.reference, np.zeros((extra, 3), np.float32)]),
        "inside": np.concatenate([inside, np.zeros(extra, np.float32)])[:, None],
    }


@functools.lru_cache(maxsize=1)
def first_hair() -> int:
    """Number of the first triangle of the hair in `scene_mesh`."""
    return len(scene_mesh()["triangles"]) - len(hair.grid()[0])


def unit(vector: Sequence[float] | np.ndarray) -> np.ndarray:
    """The vector at length 1."""
    array = np.asarray(vector, np.float64)
    return array / np.linalg.norm(array)


def lamps(view: View) -> tuple[np.ndarray, np.ndarray]:
    """The lamp array of shading.shade, and the half-way vector of the key light."""
    key, fill = unit(view.key_from), unit(view.fill_from)
    lamp = [*key, view.key, *fill, view.fill, view.sky, view.ground]
    return np.array(lamp, np.float32), unit(key + [0, 0, 1]).astype(np.float32)


def project(
    person: Person, vertices: np.ndarray, turn: np.ndarray, view: View, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Turned vertices (n, 3) and their column, row and depth on the picture (n, 3)."""
    middle = person.eye_centers.mean(0)
    height = FRAME * person.face_height / view.zoom
    pivot = np.array([0.0, middle[1] - 0.25 * person.face_height, middle[2] - 0.55])
    turned = ((vertices - pivot.astype(np.float32)) @ turn.T).astype(np.float32)
    depth = CAMERA - turned[:, 2]
    scale = samples / height * (CAMERA - 0.55)
    center_y = 0.25 * person.face_height + (EYE_LEVEL - 0.5) * height + 0.5 * height
    column = samples * (0.5 + view.shift[0]) + scale * turned[:, 0] / depth
    row = samples * (center_y / height + view.shift[1]) - scale * turned[:, 1] / depth
    return turned, np.stack([column, row, depth], 1).astype(np.float32)


def render(
    person: Person, unit_values: np.ndarray, view: View, size: int, oversample: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one face.

    Returns color (size, size, 3) float32 in linear light, coverage (size, size) 0..1 and part
    labels (size, size) uint8 (index into parts.PARTS). unit_values: action_units.values(...).
    """
    mesh, samples = scene_mesh(), size * oversample
    _, stack = face_shape.target_stack()
    face = raster.blend(person.vertices, stack, face_shape.stack_weights(unit_values))
    vertices = np.concatenate([face, person.frame, person.hair_vertices])
    turn = rotation(view)
    turned, points = project(person, vertices, turn, view, samples)
    normals = raster.vertex_normals(turned, mesh["triangles"])
    triangle, weights, depth = raster.rasterise(
        points, mesh["triangles"], mesh["one_sided"], samples, samples,
        first_hair(), mesh["uv"], person.hair_map,
    )  # fmt: skip
    hollow = raster.cavity(depth, max(1, round(samples * 0.05)), np.float32(7.0))
    lamp, half = lamps(view)
    color, label = shading.shade(
        triangle, weights, hollow, mesh["triangles"], mesh["part"], mesh["uv"], mesh["reference"],
        mesh["inside"], normals, np.ascontiguousarray(turn[:, 1]), person.skin_map,
        wrinkles.relief(unit_values, person.traits.age), parts.label_map(), person.hair_map,
        eyes(view), person.colors, lamp, half,
    )  # fmt: skip
    return shading.shrink(color, triangle, label, oversample, len(parts.PARTS), view.exposure)


def eyes(view: View) -> np.ndarray:
    """Iris centres, radius and pupil share (2, 4), right eye first; gaze -1..1 moves them."""
    dx, dy = 0.055 * view.gaze[0], 0.035 * view.gaze[1]
    return np.array(
        [[sign * 0.2886 + dx, 7.3565 + dy, IRIS_RADIUS, PUPIL] for sign in (-1, 1)], np.float32
    )


def with_light(view: View, light: np.ndarray) -> View:
    """The view lit from a direction (x right, y up, z to the viewer)."""
    x, y, z = light.tolist()
    return replace(view, key_from=(x, y, z))
