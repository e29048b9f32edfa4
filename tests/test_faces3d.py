"""The drawn faces: do action units move the picture the way FACS says, and is it repeatable?"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import faces3d
from faces3d import action_units, face_shape, head, identity, scene, taggers, wrinkles
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from fer_utils.files import read_checked

SIZE = 96


def drawn(units=None, **options):
    """Grey picture (float) and part labels of person 4, from action units."""
    picture, labels = faces3d.draw(
        identity=4, parts=True, size=SIZE, action_units=units or {}, **options
    )
    return picture.astype(float), labels


def rows_of(labels, part):
    return np.nonzero(labels == faces3d.PARTS.index(part))[0]


def columns_of(labels, part):
    return np.nonzero(labels == faces3d.PARTS.index(part))[1]


def corner_row(labels, side):
    """Mean row of the mouth's outermost two columns on one side of the picture."""
    row, column = np.nonzero(labels == faces3d.PARTS.index("mouth"))
    edge = column >= column.max() - 1 if side == "right" else column <= column.min() + 1
    return row[edge].mean()


def test_same_arguments_give_the_same_bytes():
    first = faces3d.draw("fear", 3, size=48)
    identity.person.cache_clear()
    assert np.array_equal(first, faces3d.draw("fear", 3, size=48))


def test_shapes_and_types():
    grey, labels = faces3d.draw("happy", 1, size=40, parts=True)
    color = faces3d.draw("happy", 1, size=40, color=True)
    assert grey.shape == labels.shape == (40, 40)
    assert color.shape == (40, 40, 3)
    assert grey.dtype == labels.dtype == color.dtype == np.uint8
    assert labels.max() < len(faces3d.PARTS)


def test_people_and_expressions_differ():
    faces = [faces3d.draw(e, i) for e in action_units.PROTOTYPES for i in (0, 1)]
    assert len({face.tobytes() for face in faces}) == len(faces)


@pytest.mark.parametrize("expression", FER8)
def test_strength_zero_is_the_neutral_face(expression):
    neutral = faces3d.draw("neutral", 2)
    assert np.array_equal(faces3d.draw(expression, 2, strength=0.0), neutral)


def test_the_face_fills_the_picture_in_order():
    _, labels = drawn()
    places = ("brows", "eyes", "nose", "mouth", "jaw")
    rows = [rows_of(labels, part).mean() for part in places]
    assert rows == sorted(rows)
    assert 0.33 < rows[1] / SIZE < 0.45
    assert (labels != 0).mean() > 0.6


def test_lip_corner_puller_raises_both_mouth_corners():
    for side in ("left", "right"):
        assert corner_row(drawn({12: 1})[1], side) < corner_row(drawn()[1], side) - 2


def test_lip_corner_depressor_lowers_them():
    for side in ("left", "right"):
        assert corner_row(drawn({15: 1})[1], side) > corner_row(drawn()[1], side) + 1


def test_one_sided_unit_moves_one_side():
    """L is the person's left, the right of the picture."""
    still, smirk = drawn()[1], drawn({"12L": 1})[1]
    assert corner_row(smirk, "right") < corner_row(still, "right") - 2
    assert abs(corner_row(smirk, "left") - corner_row(still, "left")) <= 1


def test_jaw_drop_opens_a_dark_mouth():
    def dark(units):
        picture, labels = drawn(units)
        return ((labels == faces3d.PARTS.index("mouth")) & (picture < 70)).sum()

    assert dark({26: 1}) > dark({}) + 0.01 * SIZE**2
    assert dark({}) < dark({26: 0.5}) < dark({26: 1})


def test_smile_with_parted_lips_shows_teeth():
    def light(units):
        picture, labels = drawn(units)
        mouth = labels == faces3d.PARTS.index("mouth")
        return (mouth & (picture > np.percentile(picture[labels == 5], 90))).sum()

    assert light({12: 1, 25: 1}) > light({12: 1}) + 20


@pytest.mark.parametrize(("units", "sign"), [({1: 1, 2: 1}, -1), ({4: 1}, 1)])
def test_brows_rise_and_fall(units, sign):
    moved = rows_of(drawn(units)[1], "brows").mean() - rows_of(drawn()[1], "brows").mean()
    assert sign * moved > 1


@pytest.mark.parametrize("unit", [5, 7, 43])
def test_lid_units_change_the_eyes_most(unit):
    still, labels = drawn()
    change = np.abs(drawn({unit: 1})[0] - still)
    eyes = (labels == faces3d.PARTS.index("eyes")) | (labels == faces3d.PARTS.index("brows"))
    assert change[eyes].mean() > 5 * change[~eyes].mean()


def test_brow_lowerer_draws_a_furrow():
    still = wrinkles.relief(action_units.values({}), 0.0)[..., 2]
    angry = wrinkles.relief(action_units.values({4: 1}), 0.0)[..., 2]
    place = head.map_positions()
    between = (np.abs(place[..., 0]) < 0.08) & (np.abs(place[..., 1] - 7.5) < 0.1)
    between &= place[..., 2] > 0.5
    assert angry[between].max() > still[between].max() + 0.3


def test_expressions_change_their_carriers():
    still, labels = drawn()
    for expression, carriers in faces3d.CARRIERS.items():
        if expression == "neutral":
            assert carriers == ()
            continue
        change = np.abs(faces3d.draw(expression, 4, size=SIZE).astype(float) - still)
        inside = np.isin(labels, [faces3d.PARTS.index(part) for part in carriers])
        assert change[inside].mean() > 1.5 * change[~inside].mean(), expression


@pytest.mark.parametrize(("pose", "axis", "sign"), [({"yaw": 20}, 1, 1), ({"pitch": 15}, 0, -1)])
def test_pose_moves_the_nose(pose, axis, sign):
    nose = [
        np.nonzero(drawn(**p)[1] == faces3d.PARTS.index("nose"))[axis].mean() for p in ({}, pose)
    ]
    assert sign * (nose[1] - nose[0]) > 2


def test_roll_is_clockwise():
    assert (
        columns_of(drawn(roll=20)[1], "brows").mean() > columns_of(drawn()[1], "brows").mean() + 2
    )


def test_light_comes_from_its_side():
    half = SIZE // 2
    for name, sign in (("left", 1), ("right", -1)):
        picture, _ = drawn(light=name)
        assert sign * (picture[:, :half].mean() - picture[:, half:].mean()) > 5


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"expression": "bored"}, "bored"),
        ({"identity": -1}, "identity"),
        ({"identity": 1.5}, "identity"),
        ({"strength": 2}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"action_units": {99: 1}}, "99"),
        ({"action_units": {"12X": 1}}, "12X"),
        ({"action_units": {12: -1}}, "12"),
        ({"yaw": 120}, "yaw"),
        ({"light": "moon"}, "moon"),
        ({"light": (0, 0, 0)}, "light"),
        ({"size": 4}, "size"),
    ],
)
def test_bad_arguments_are_explained(options, word):
    with pytest.raises(FerError, match=word):
        faces3d.draw(**options)


def test_sheet_has_a_row_per_person():
    sheet = faces3d.sheet([0, 1, 2], ["happy", "sad"], size=32)
    assert sheet.shape == (96, 64)
    assert np.array_equal(sheet[32:64, :32], faces3d.draw("happy", 1, size=32))


def test_targets_are_split_at_the_middle():
    loaded = head.load_head()
    left, right = (face_shape.one_side(loaded, "unit:jawOpen", side) for side in (0, 1))
    assert np.allclose(left + right, loaded.target("unit:jawOpen"), atol=1e-6)


def test_damaged_and_missing_head_are_refused(tmp_path):
    data = bytearray(head.HEAD_FILE.read_bytes())
    data[1000] ^= 1
    (tmp_path / "head.npz").write_bytes(data)
    with pytest.raises(FerError, match="damaged"):
        read_checked(tmp_path / "head.npz", head.HEAD_SHA256)
    with pytest.raises(FerError, match="missing"):
        read_checked(tmp_path / "none.npz", head.HEAD_SHA256)


def test_taggers_agree_on_clear_faces_and_split_on_weak_ones():
    random = np.random.default_rng(0)

    def agreement(strength):
        units = [scene.sample_units("happy", strength, random) for _ in range(40)]
        votes = np.stack([taggers.vote(u, random) for u in units])
        assert (votes.sum(1) == taggers.TAGGERS).all()
        return votes.max(1).mean()

    assert agreement(1.0) > agreement(0.25) + 1


def test_extraction_reads_meshes_and_targets():
    path = Path(__file__).parents[1] / "scripts" / "extract_head.py"
    spec = importlib.util.spec_from_file_location("extract_head", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    mesh = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 1\ng body\nf 1/1 2/2 3/1 4/2\n"
    vertices, texture, quads, uvs, groups = script.read_mesh(mesh)
    assert vertices.shape == (4, 3)
    assert texture.shape == (2, 2)
    assert (quads, uvs, groups) == ([[0, 1, 2, 3]], [[0, 1, 0, 1]], ["body"])
    dense = script.read_target(b"# note\n2 .5 0 -.25\n", "x.target", 4)
    assert dense[2].tolist() == [0.5, 0.0, -0.25]
    assert not dense[[0, 1, 3]].any()
    assert [script.group_number(g) for g in ("body", "helper-l-eye", "joint-x")] == [0, 1, -1]
