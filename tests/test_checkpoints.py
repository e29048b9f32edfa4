"""Weights and cards that are damaged, or of something else: one sentence each."""

import hashlib
import json

import pytest
import torch

from fer_utils import data, models
from fer_utils.emotions import FER7
from fer_utils.errors import FerError


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a net's weights and its card."""
    folder = tmp_path_factory.mktemp("weights")
    models.save(models.create("mini_xception", seed=0), folder / "m.safetensors")
    return folder


@pytest.fixture
def altered(saved, tmp_path):
    """Return what writes altered copies: of the card by a function, of the weights as bytes."""
    card = json.loads((saved / "m.json").read_text())
    whole = (saved / "m.safetensors").read_bytes()

    def write(change=lambda card: card, weights=whole):
        new = change(card | {"sha256": hashlib.sha256(weights).hexdigest()})
        text = new if isinstance(new, str | bytes) else json.dumps(new)
        (tmp_path / "m.json").write_bytes(text.encode() if isinstance(text, str) else text)
        (tmp_path / "m.safetensors").write_bytes(weights)
        return tmp_path / "m.safetensors"

    return write


#: As `train` writes it.
FACES = {
    **{"data": "jaffe", "relabel": None, "split_by": "subject", "shares": [0.7, 0.1, 0.2]},
    **{"split_seed": 0, "crop": None, "color": None, "size": 48, "without": []},
    **{"counts": {"train": 3, "valid": 1, "test": 1}, "digest": {"pixels": "0f"}},
}


def faces(**changes):
    return lambda card: {**card, "faces": {**FACES, **changes}}


def net(**changes):
    return lambda card: {**card, "net": {**card["net"], **changes}}


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda card: "{oops", "m.json is no card, or damaged"),
        (lambda card: "", "m.json is no card, or damaged"),
        (lambda card: b"\xff\xfe\x00", "m.json is no card, or damaged"),
        (lambda card: [], "no card of weights"),
        (lambda card: 3, "no card of weights"),
        (lambda card: {"net": card["net"]}, "no 'sha256'"),
        (lambda card: {**card, "sha256": 3}, "no 'sha256'"),
        (lambda card: {**card, "sha256": "0" * 64}, "not the file its card describes"),
        (lambda card: {"sha256": card["sha256"]}, "no 'net'"),
        (lambda card: {**card, "net": [1]}, "no 'net'"),
        (lambda card: {**card, "net": {}}, "'name' is missing"),
        (lambda card: {**card, "net": {"name": "mini_xception"}}, "'classes' is missing"),
        (net(classes=None), "'classes' is missing"),
        (net(classes=[1, 2, 3, 4, 5, 6, 7]), "m.json: classes="),
        (net(classes="happy"), "m.json: classes='happy'"),
        (net(classes=["a", "b"]), "do not fit its card"),
        (net(name="mini_exception"), "m.json: no architecture .* Did you mean 'mini_xception'"),
        (net(name=None), "'name' is missing"),
        (net(name="vgg13"), "m.json: vgg13 has no variants"),
        (net(inputs="gray+sobel"), "do not fit its card"),
        (net(classes=FER7[::-1]), "m.json was changed: its net is not what the weights"),
        (net(colour="red"), "a net has no 'colour'"),
        (net(seed=3), "a net has no 'seed'"),
        (net(input_size="48"), "m.json: input_size='48'"),
        (net(input_size=10**6), "m.json: input_size=1000000"),
        (net(inputs="grey"), "m.json: inputs='grey'"),
        (net(fusion=3), "m.json: fusion=3"),
        (net(variant=["arriaga"]), "m.json: mini_xception has no variant"),
        (lambda card: {**card, "faces": "jaffe"}, "m.json is damaged: its 'faces' are 'jaffe'"),
        (lambda card: {**card, "faces": None}, "m.json is damaged: its 'faces' are None"),
        (lambda card: {**card, "faces": {}}, "m.json is damaged: 'data' of its 'faces' is missing"),
        (faces(data=None), "'data' of its 'faces' is None"),
        (faces(relabel=3), "'relabel' of its 'faces' is 3"),
        (faces(split_by=None), "'split_by' of its 'faces' is None"),
        (faces(split_by=["subject"]), "'split_by' of its 'faces' is \\['subject'\\]"),
        (faces(shares=0.7), "'shares' of its 'faces' is 0.7"),
        (faces(split_seed="0"), "'split_seed' of its 'faces' is '0'"),
        (faces(crop=[]), "'crop' of its 'faces' is "),
        (faces(color="yes"), "'color' of its 'faces' is 'yes'"),
        (faces(size=0), "'size' of its 'faces' is 0"),
        (faces(counts=[3, 1, 1]), "'counts' of its 'faces' is "),
        (faces(without="sad"), "'without' of its 'faces' is 'sad'"),
        (faces(digest="0f"), "'digest' of its 'faces' is '0f'"),
    ],
)
def test_a_card_that_is_none_or_of_another_net(altered, change, message):
    path = altered(change)
    with pytest.raises(FerError, match=message) as refused:
        models.load(path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    if "is no card" in message or "is damaged" in message or "of its 'faces'" in message:
        with pytest.raises(FerError, match=message):
            models.card(path)


def test_what_train_says_of_its_faces_is_no_damage(altered):
    assert models.card(altered(faces()))["faces"] == FACES
    before = {name: value for name, value in FACES.items() if name != "digest"}
    assert models.card(altered(lambda card: {**card, "faces": before}))["faces"] == before


@pytest.mark.parametrize("name", [None, 5, "", ["a"]])
def test_what_has_no_card(name):
    with pytest.raises(FerError):
        models.card(name)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:1000],
        lambda content: content[:-8],
        lambda content: b"",
        lambda content: b"\0" * 64,
        lambda content: b"PK\x03\x04" + content[4:],
    ],
    ids=["cut early", "cut late", "empty", "zeros", "no safetensors"],
)
def test_weights_that_are_none_with_the_right_sum(altered, saved, damage):
    content = damage((saved / "m.safetensors").read_bytes())
    with pytest.raises(FerError, match="no safetensors file, or damaged"):
        models.load(altered(weights=content))


def test_weights_of_another_net_are_named_in_one_sentence(altered, saved, tmp_path):
    models.save(models.create("small_resnet", seed=0), tmp_path / "other.safetensors")
    with pytest.raises(FerError, match="do not fit its card: .* more of this kind") as refused:
        models.load(altered(weights=(tmp_path / "other.safetensors").read_bytes()))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", ".", None, 3, ["a"], "nothing.safetensors", "mini_exception"])
def test_what_is_no_name_or_file(name):
    with pytest.raises(FerError):
        models.load(name)


def test_a_net_without_weights_is_not_saved(tmp_path):
    with torch.device("meta"):
        net = models.create("mini_xception")
    with pytest.raises(FerError, match="the net has no weights"):
        models.save(net, tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_card_of_a_data_set_can_be_a_key():
    cards = data.catalog.CARDS
    assert {card: name for name, card in cards.items()}[cards["fer2013"]] == "fer2013"
