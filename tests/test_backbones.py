"""Weights for the backbones of the transfer nets: fetched by torchvision, or named as others do."""

import re
import sys
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from fer_utils import __main__, _torchvision, models
from fer_utils.commands import train as train_command
from fer_utils.errors import FerError
from fer_utils.models import backbones

VGG16_FILE = "vgg16-397923af.pth"


def one_line_programs(message: str) -> list[str]:
    return re.findall(r'python -c "([^"]*)"', message)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache for torch.hub, and no network."""

    def refuse(request):
        raise URLError("no network in tests")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def vgg16():
    """torchvision's VGG16 with random convolutions; its classifier takes no memory."""
    torchvision = _torchvision.load()
    with torch.device("meta"):
        net = torchvision.models.vgg16()
    torch.manual_seed(0)
    net.features.to_empty(device="cpu")
    for parameter in net.features.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    return net.eval()


@pytest.fixture
def downloads(cache, vgg16, monkeypatch):
    """In place of the download: writes a file as old as the real one; lists what was asked for."""
    asked = []

    def download(url, dst, hash_prefix=None, progress=True):
        asked.append((url.rpartition("/")[2], hash_prefix))
        state = {
            key: torch.zeros(1).expand(value.shape) if value.is_meta else value
            for key, value in vgg16.state_dict().items()
        }
        torch.save(state, dst, _use_new_zipfile_serialization=False)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return asked


def test_imagenet_weights_give_torchvisions_features(downloads, vgg16):
    net = models.create("vgg16_gap", input_size=64, seed=1, base_weights="imagenet").eval()
    assert downloads == [(VGG16_FILE, "397923af")]  # what is downloaded is checked by its hash
    pictures = torch.rand(2, 3, 64, 64)
    weights = _torchvision.load().models.VGG16_Weights.IMAGENET1K_V1
    prepared = weights.transforms(resize_size=64, crop_size=64)(pictures)
    torch.testing.assert_close(net.prepare(pictures), prepared, atol=1e-5, rtol=0)
    with torch.no_grad():
        ours, theirs = net.trunk.base(net.prepare(pictures)), vgg16.features(prepared)
    assert theirs.std() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    models.create("vgg16_gap", input_size=32, base_weights="imagenet")
    assert len(downloads) == 1  # the second time they come from the cache


def test_without_a_network_the_error_says_what_to_do(cache, request):
    with pytest.raises(FerError, match="could not be fetched.*no network in tests") as error:
        models.create("vgg16_gap", input_size=32, base_weights="imagenet")
    message = str(error.value)
    assert f"Copy that file into {cache} here" in message and "vgg16.safetensors" in message
    assert list(cache.iterdir()) == []
    request.getfixturevalue("downloads")  # now there is a network, and the advice is followed
    exec(one_line_programs(message)[0], {})
    assert [path.name for path in cache.iterdir()] == [VGG16_FILE]
    models.create("vgg16_gap", input_size=32, base_weights="imagenet")


class Intruder:
    def __reduce__(self):
        return Path.touch, (Path("intruder"),)


@pytest.mark.parametrize("content", [Intruder(), b"<html>log in first</html>", b""])
def test_a_file_in_the_cache_is_never_executed(content, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache.mkdir(parents=True)
    if isinstance(content, bytes):
        (cache / VGG16_FILE).write_bytes(content)
    else:
        torch.save({"features.0.weight": content}, cache / VGG16_FILE)
    with pytest.raises(FerError, match="397923af.pth is not what torchvision publishes.*Delete"):
        models.create("vgg16_gap", input_size=32, base_weights="imagenet")
    assert not Path("intruder").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mini_xception", "no base to load weights into; these have: vgg16_gap"),
        ("vgg_face", "no weights for the base of vgg_face.*vgg_face_dag.pth"),
        ("inception_resnet_v2", "base_weights must be a file.*hf download timm/inception"),
    ],
)
def test_nets_without_imagenet_weights_say_so(name, says):
    with torch.device("meta"), pytest.raises(FerError, match=says):
        models.create(name, base_weights="imagenet")


def test_the_advice_for_vgg_face_makes_a_file_that_fits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = models.create("vgg_face", input_size=32, seed=3)
    convolutions = [m for m in net.trunk.base if isinstance(m, torch.nn.Conv2d)]
    names = [f"{b}_{i}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, n + 1)]
    published = {"fc6.weight": torch.zeros(2, 2), "fc6.bias": torch.zeros(2)}
    for name, layer in zip(names, convolutions, strict=True):
        published[f"conv{name}.weight"] = layer.weight.detach()
        published[f"conv{name}.bias"] = layer.bias.detach() + len(name)
    torch.save(published, "vgg_face_dag.pth")
    exec(one_line_programs(backbones.BACKBONES["vgg_face"])[0], {})
    loaded = models.create("vgg_face", input_size=32, base_weights="vgg_face.safetensors")
    copies = [m for m in loaded.trunk.base if isinstance(m, torch.nn.Conv2d)]
    assert torch.equal(copies[0].weight, convolutions[0].weight[:, [2, 1, 0]])
    for copy, layer in zip(copies[1:], convolutions[1:], strict=True):
        assert torch.equal(copy.weight, layer.weight) and torch.equal(copy.bias, layer.bias + 3)
    # red first with the mean taken away in that order: what the published file was trained on
    picture = torch.rand(1, 3, 32, 32)
    mean = torch.tensor([129.186279, 104.762382, 93.593964]).view(3, 1, 1)
    theirs = torch.nn.functional.conv2d(
        picture * 255 - mean, published["conv1_1.weight"], published["conv1_1.bias"], padding=1
    )
    torch.testing.assert_close(copies[0](loaded.prepare(picture)), theirs, atol=1e-3, rtol=1e-4)

    del published["conv3_2.bias"]
    save_file(published, "vgg_face.safetensors")
    with pytest.raises(FerError, match=r"1 missing \(12.bias\)"):
        models.create("vgg_face", input_size=32, base_weights="vgg_face.safetensors")


def timm_layers():
    """Layers of timm's inception_resnet_v2 in its order; those without batch norm end in conv2d."""
    yield from (f"conv2d_{name}.conv" for name in ("1a", "2a", "2b", "3b", "4a"))
    yield from branches("mixed_5b", 1, 2, 3)
    yield "mixed_5b.branch3.1.conv"  # 0 is its pooling
    for i in range(10):
        yield from (*branches(f"repeat.{i}", 1, 2, 3), f"repeat.{i}.conv2d")
    yield from branches("mixed_6a", 1, 3)
    for i in range(20):
        yield from (*branches(f"repeat_1.{i}", 1, 3), f"repeat_1.{i}.conv2d")
    yield from branches("mixed_7a", 2, 2, 3)
    for block in (*(f"repeat_2.{i}" for i in range(9)), "block8"):
        yield from (*branches(block, 1, 3), f"{block}.conv2d")
    yield "conv2d_7b.conv"


def branches(block, *lengths):
    for b, length in enumerate(lengths):
        inside = [""] if length == 1 else [f"{i}." for i in range(length)]
        yield from (f"{block}.branch{b}.{i}conv" for i in inside)


def timm_names():
    for layer in timm_layers():
        yield f"{layer}.weight"
        if layer.endswith("conv2d"):
            yield f"{layer}.bias"
        else:
            norm = layer.removesuffix("conv") + "bn"
            yield from (f"{norm}.{k}" for k in ("weight", "bias", "running_mean", "running_var"))


def test_timms_names_for_inception_resnet_v2_are_understood():
    with torch.device("meta"):
        base = models.create("inception_resnet_v2").trunk.base
    ours = [key for key in base.state_dict() if not key.endswith("_tracked")]
    # the number of tensors in timm 1.0.31's state dict, its counters and its classifier left out
    assert len(list(timm_names())) == 1100
    state = {key: torch.ones(2) for key in timm_names()}
    renamed = backbones.from_timm({**state, "classif.weight": torch.ones(2)})
    assert list(renamed) == ours
    kept = [key for key in state if not key.endswith("bn.weight")]
    assert all(renamed[a] is state[b] for a, b in zip(ours, kept, strict=True))
    with pytest.raises(FerError, match="conv2d_4a.bn.weight is not 1"):
        backbones.from_timm({**state, "conv2d_4a.bn.weight": torch.tensor([1.0, 0.5])})


def test_the_command_line_takes_imagenet(cache, tmp_path, capsys):
    words = ["train", "--model", "vgg16_gap", "--base-weights", "imagenet", "--input-size", "32"]
    assert __main__.main([*words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"fer_utils train: {VGG16_FILE} could not be fetched")
    assert said.count("\n") == 1


@pytest.mark.parametrize("source", ["imagenet", "some/folder/vgg16.safetensors"])
def test_the_command_in_the_card_names_the_base_weights(source):
    parser = __main__.make_parser("train")
    args = parser.parse_args(["train", "--base-weights", source, "--freeze-base", "--out", "x"])
    text = train_command.command(args)
    assert f" --base-weights {source.rpartition('/')[2]} --freeze-base" in text
    assert "folder" not in text and sys.executable not in text
