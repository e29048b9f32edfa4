"""What a student types first, without reading the source: a result, or one sentence of the kit."""

import pickle
import re
import shutil
from importlib import import_module

import matplotlib.cbook
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import faces3d
import fer_utils as fer
from fer_utils import _progress as progress
from fer_utils import data, detect, evaluate, models, plots, saliency, train, widgets
from fer_utils.errors import FerError


class Tiny(nn.Module):
    """A network of one's own, for colour."""

    def __init__(self):
        super().__init__()
        self.seen = nn.Conv2d(3, 7, 3, stride=4)

    def forward(self, pictures):
        return self.seen(pictures).mean((2, 3))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Everything that a student has at hand, in a folder with a photograph."""
    torch.manual_seed(0)
    faces = data.load("facs3d", split="test", progress=False).take(slice(0, 40))
    # one after the other, so that every class is there to learn
    faces = faces.take(np.argsort(faces.labels, kind="stable"))
    own = Tiny()
    net = models.wrap(own, faces.classes, channels=3, size=24)
    picture = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("here"))
        shutil.copy(picture, "photo.jpg")
        omap = saliency.occlusion(net, faces[0], window=24, stride=24)
        evaluation = evaluate.evaluate(net, faces)
        recipe = train.Recipe("mine", epochs=1, batch=20)
        history = train.fit(net, faces, faces, recipe, progress=False)
        rooms = {"fer": fer, "data": data, "detect": detect, "evaluate": evaluate, "plots": plots}
        rooms |= {"models": models, "saliency": saliency, "train": train, "widgets": widgets}
        others = {"plt": plt, "faces3d": faces3d, "Image": Image, "np": np, "nn": nn}
        things = {"faces": faces, "net": net, "own": own, "omap": omap, "evaluation": evaluation}
        yield rooms | others | things | {"recipe": recipe, "history": history}
        plt.close("all")


# What is shown, word for word, or the kind of the result.
RESULTS = {
    # ask the net
    "net.ask(faces[0])": "(angry|disgust|fear|happy|sad|surprise|neutral) [0-9]+ %$",
    "net.ask(faces.images[0])['joy'] + sum(net.ask(faces[1]).values())": "1[.]",
    "net.ask(detect.face('photo.jpg')).label in net.classes": "True",
    "detect.face(open('photo.jpg', 'rb').read(), size=64, color=True)": "Face.64x64 colour, ",
    "plots.bars(net.ask(faces[0]))": "Figure: Bars: probability of each class",
    "net.ask(faces[0]) == net.ask(faces[0]).label.upper()": "True",
    # a set of faces
    "faces[0]": "Face.angry, person [0-9]+, votes [a-z]+ [0-9]+.*, 48x48 grey.$",
    "faces[:5]": "FaceSet.facs3d: 5 faces 48x48 grey",
    "faces[faces.labels == 3]": "FaceSet.facs3d: 1[0-9] faces",
    "set(face.label for face in faces[faces.labels == 'joy'])": ".'happy'.$",
    "len(faces[faces.labels != 'happy']) + len(faces[faces.labels == 'happy'])": "40$",
    "set(face.label for face in faces[np.isin(faces.labels, ['sad', 'joy'])]) == {'sad', 'happy'}":
        "True",
    "['happy' in faces, 'happy' in faces.labels, 'happy' in faces.where(label='sad')]":
        ".True, True, False.$",
    "[faces[0] in faces, faces[0] == faces[0], faces[0] == faces[39]]": ".True, True, False.$",
    "[faces[:9] == faces[:9], faces[:9] == faces[1:9]]": ".True, False.$",
    "len({*faces[:3], *faces[1:4]})": "4$",
    "faces[:3] + faces[5:7]": "FaceSet.facs3d: 5 faces",
    "(evaluation.predictions == 'happy').sum() == evaluation.confusion()[:, 3].sum()":
        "(np.)?True",
    "[face.label for face in faces[-2:]]": "..neutral., .neutral..$",
    "len(faces.sample(5, seed=1))": "5$",
    "faces.where(label='joy').counts()['happy'] == faces.where(label='happy').counts()['happy']":
        "True",
    "plt.imshow(faces[0]).get_array().shape": ".48, 48.$",
    "sum(faces.where(label=['joy', 'sad']).counts().values()) == (faces.labels > 2).sum() - "
    "(faces.labels > 4).sum()": "(np.)?True",
    "hasattr(faces, 'shape') or hasattr(faces[0], '_repr_svg_')": "False",
    "plots.faces([faces[0], faces[39]])": "Figure: Pictures of 2 faces: angry, neutral",
    # results
    "evaluation": "Evaluation.40 faces, 7 classes: accuracy 0[.][0-9]+ .[0-9]+ of 40; 95 %",
    "evaluate.evaluate(net, faces) == evaluate.evaluate(net, faces)": "True",
    "evaluation == evaluate.evaluate(net, faces[:9])": "False",
    "evaluation.accuracy": "0[.][0-9]{3} .[0-9]+ of 40; 95 % ",
    "float(evaluation.accuracy) * 100 == evaluation.accuracy.percentage": "True",
    "f'{evaluation.accuracy:.0%}'": ".[0-9]+%.$",
    "evaluation.accuracy >= 0 and 1 - evaluation.accuracy + evaluation.accuracy * 100 / 100":
        "1[.]0",
    "round(evaluation.accuracy, 1) < evaluation.accuracy + 1": "True",
    "widgets.face_explorer('joy').source.truth": "'happy'$",
    "history": "History.1 epoch, best 1: validation accuracy 0[.][0-9]{3}; all 1 epochs done.$",
    "recipe": "Recipe.mine: adam, learning rate 0.001, batch 20, epochs 1, constant.$",
    "history[-1]['epoch'], len(history), [row['epoch'] for row in history]": ".1, 1, .1..$",
    "history['valid_accuracy'] == [history.best['valid_accuracy']]": "True",
    "models.describe(net).index.tolist()": "..seen..$",
    # one's own network
    "__import__('torchvision').models.squeezenet1_1": "<function squeezenet1_1",
    "saliency.occlusion(net, faces[0], window=24, stride=24)": "OcclusionMap.2x2 positions",
    "net.ask(Image.fromarray(faces.images[0][0]).convert('P')) == net.ask(faces[0])": "True",
    "net.ask(Image.fromarray(faces.images[0][0]).convert('RGBA')) == net.ask(faces[0])": "True",
    "models.wrap(nn.Sequential(nn.Flatten(), nn.Linear(2304, 7)), 7).ask(faces[0])": "[a-z]+ ",
    # natural arguments
    "fer.evaluate(net, faces)": "Evaluation.40 faces",
    "train.fit(net, faces, faces, 'alessi2019', epochs=1, progress=False)": "History.1 epoch",
    "widgets.occlusion_explorer(faces, net).__class__.__name__": ".Explorer.",
}  # fmt: skip
SENTENCES = {
    # names that other packages have
    "net.classify(faces[0])": "net.ask.face. says what it sees",
    "net.ask(faces[0]).happy": "this Answer has no 'happy'. Write answer.'happy'.",
    "net.ask(faces[0]).top(3)": "Write sorted.answer, key=answer.get, reverse=True",
    "net.ask()": "ask needs face too; it takes face.",
    "faces.shape": "this FaceSet has no 'shape'. Write faces.images.shape",
    "faces.head()": "Write faces.:5.",
    "faces.joy": "Write faces.where.label='happy'.",
    "faces[faces.labels == 'hapy']": "none of these labels is called 'hapy'. Did you mean 'happy'",
    "faces[faces.labels == ['happy', 'sad']]": "np.isin.faces.labels, \\[.happy., .sad.",
    "faces.labels[0] == 'hapy'": "Did you mean 'happy'",
    "'hapy' in faces": "Did you mean 'happy'",
    "faces.lables": "this FaceSet has no 'lables'. Did you mean 'labels'",
    "faces.sample(5, random_state=0)": "Did you mean 'seed'",
    "faces.where(expression='happy')": "where has no argument 'expression'. Did you mean 'label'",
    "faces.where('happy')": "'happy' is not a split. Write label='happy'",
    "faces[0].show()": "this Face has no 'show'. Write plots.faces..face..",
    "evaluation.confusion_matrix()": "Write evaluation.confusion..",
    "evaluation.f1": "Write evaluation.table..",
    "evaluation['happy']": "Write evaluation.table...loc.NAME.",
    "omap['happy']": "Write omap.heat.NAME.",
    "evaluation.mistakes('happy')": "mistakes needs predicted too; it takes true, predicted.",
    "omap.plot()": "Write plots.occlusion.face, omap.",
    "saliency.occlusion(net, faces[0], target='happy')": "holds every class: omap.heat.NAME.",
    "train.fit(net, faces, faces, 'alessi2019', lr=0.1)": "A recipe says it: .*learning_rate=",
    "train.Recipe('mine', lr=0.1)": "Recipe has no argument 'lr'. Did you mean 'learning_rate'",
    "train.Recipe()": "Recipe needs source too; it takes source, optimizer, ",
    "recipe.lr": "Write recipe.learning_rate.",
    "train.RECIPES['alesi2019']": "Did you mean 'alessi2019'",
    "history.plot()": "Write plots.history.history.",
    "history['valid_acuracy']": "Did you mean 'valid_accuracy'",
    "train.History()['valid_loss']": "no epoch was finished .not started",
    "history[3]": "has no epoch at place 3",
    "data.catalog.CARDS['JAFFE']": "there is no data set 'JAFFE'. Did you mean 'jaffe'",
    "widgets.confusion_explorer(net, faces)": "faces are a FaceSet",
    "widgets.confusion_explorer(faces, net)": "give evaluate.evaluate.net, faces., or several",
    "widgets.occlusion_explorer()": "occlusion_explorer needs faces too",
    "widgets.face_explorer(expression='hapy')": "Did you mean 'happy'",
    "widgets.trainer(faces)": "architecture=FaceSet.* is not known",
    # kinds
    "net(faces.images[0])": "let net.ask.face. make one",
    "net.fit(faces, epochs=3)": "train.fit.net, train, valid, recipe. trains it",
    "net.train(faces)": "takes True or False, .* train.fit.net, train, valid, recipe. trains",
    "models.wrap(nn.Sequential(nn.Flatten(), nn.Linear(2304, 7), nn.Softmax(1)), 7).ask(faces[0])":
        "probabilities already",
    "evaluate.evaluate(models.wrap(nn.Sequential(own, nn.Softmax(1)), 7), faces)":
        "leave its last Softmax out",
    "plots.bars(faces.counts())": "between 1 and [0-9]+: .*plots.counts.faces.",
    "net.predict(faces[0])": "net.ask.face. says what it sees in one face",
    "net.ask(faces[0])['hapy']": "no class 'hapy'. Did you mean 'happy'",
    "net.ask(faces)": "not one picture.*One face of a FaceSet is faces.i.",
    "net.ask('photo.jpg')": "detect.face.'photo.jpg'. cuts the face out",
    "detect.face('photo.jpg', person=2)": "1 face found in photo.jpg, so there is no person=2",
    "faces[99]": "facs3d has faces 0 to 39, so not faces.99.",
    "faces['happy']": "faces.where.label='happy'. takes those of a class",
    "faces.where(label='hapy')": "Did you mean 'happy'",
    "evaluation.mistakes('joy', 'sad')": "Did you mean 'happy'",
    "faces3d.draw('joy')": "Did you mean 'happy'",
    "evaluate.evaluate(own, faces)": "models.wrap.net, classes=",
    "evaluate.evaluate(net, faces.images)": "faces are a FaceSet, .*not ndarray of uint8, shape",
    "evaluate.evaluate('mini_xception_facs3d', faces)": "models.load.NAME.",
    "widgets.occlusion_explorer(faces.images, net)": "faces are a FaceSet",
    "widgets.face_explorer('mini_xception')": "Did you mean 'mini_xception_facs3d'",
    "train.fit(net, faces, faces, 'alesi2019')": "Did you mean 'alessi2019'",
    "saliency.occlusion(net, faces[0], window_size=8)": "Did you mean 'window'",
    "saliency.occlusion(net, faces[0], 8)": "net, image in this order, and by their names window=",
    "saliency.occlusion(net, Image.open('photo.jpg'))": "positions of .*detect.face.*force=True",
    "next(saliency.coarse_to_fine(net, np.zeros((400, 400))))": "cut the face out",
    "plots.occlusion(omap)": "needs omap .saliency.occlusion.net, image. gives one. too",
    "plots.bars([0.5, 0.5])": "takes what net.ask.face. gives",
    "(plt.figure(), plots.confusion(evaluation), plt.savefig('c.png'))": "figure.savefig.FILE.",
}  # fmt: skip


@pytest.mark.parametrize("line", RESULTS)
def test_a_natural_line_gives_a_result(line, here):
    assert re.match(RESULTS[line], repr(eval(line, dict(here)))), repr(eval(line, dict(here)))


@pytest.mark.parametrize("line", SENTENCES)
def test_a_wrong_line_is_answered_in_one_sentence(line, here):
    with pytest.raises(FerError, match=SENTENCES[line]) as found:
        eval(line, dict(here))
    assert len(str(found.value).splitlines()) == 1


SHOWN = ("faces", "faces[:1]", "faces[:0]", "net.ask(faces[0])", "evaluation", "history", "recipe")
SHOWN += ("data.catalog.CARDS['jaffe']", "data.doctor(faces, progress=False)")
SHOWN += ("data.clean(faces, 'flat', progress=False)", "models.audit()[0]")


@pytest.mark.parametrize(
    "line",
    [
        "data.card('jaffe')",
        "evaluate.compare(1, 2)",
        "detect.show('photo.jpg')",
        "saliency.grad_cam(net, faces[0])",
    ],
)
def test_a_room_says_which_names_it_has(line, here):
    with pytest.raises(AttributeError, match="has no attribute .*(Did you mean|Known: )"):
        eval(line, dict(here))


@pytest.mark.parametrize("thing", SHOWN)
def test_it_shows_itself_in_a_notebook(thing, here):
    page = eval(thing, dict(here))._repr_html_()
    assert page.count("<table") == page.count("</table>") == 1
    if "CARDS" in thing:
        assert page.count('<a href="https://doi.org/10.') == 2
    if thing == "faces":
        assert page.count("data:image/png;base64,") == page.count("<figcaption") == 12


def test_a_face_shows_itself_with_words_for_the_blind(here):
    face = here["faces"][0]
    forms, about = face._repr_mimebundle_()
    assert forms["image/png"].startswith(b"\x89PNG") and forms["text/plain"] == repr(face)
    assert about["image/png"] == {"alt": repr(face), "width": 192, "height": 192}


def test_what_takes_a_second_shows_a_bar(here, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    net, faces = here["net"], here["faces"]
    works = {
        "10/40": lambda **how: evaluate.evaluate(net, faces, batch=10, **how),
        "25 picture": lambda **how: saliency.attribute(net, faces[0], "smooth_grad", **how),
        "/441": lambda **how: saliency.occlusion(net, faces[0], engine="batched", **how),
    }
    for words, work in works.items():
        work()
        assert capsys.readouterr().err == ""
        with monkeypatch.context() as patch:
            patch.setattr(progress, "DELAY", 0)
            work()
            assert words in capsys.readouterr().err
            work(progress=False)
            assert capsys.readouterr().err == ""


def test_a_photograph_that_is_asked_about_whole_is_said_to_be(here, recwarn):
    net = here["net"]
    net.ask(detect.face("photo.jpg", size=400))
    net.ask(Image.open("photo.jpg").resize((200, 200)))
    assert not recwarn
    with pytest.warns(UserWarning, match="600x512 is looked at whole.*detect.face") as found:
        net.ask(Image.open("photo.jpg"))
    assert found[0].filename == __file__


def test_labels_keep_their_names_where_they_go(here):
    labels = here["faces"].labels
    for same in (labels[::2], labels.copy(), pickle.loads(pickle.dumps(labels)), np.sort(labels)):
        assert ((same == "joy") == (np.asarray(same) == 3)).all()
        assert [label == "happy" for label in same] == (np.asarray(same) == 3).tolist()
    plain = [
        np.asarray(labels),
        labels.astype(str),
        labels + 0,
        np.bincount(labels),
        labels.mean(),
        labels == 3,
    ]
    assert not any(isinstance(one, type(labels)) for one in plain)
    assert torch.as_tensor(labels.copy()).tolist() == torch.tensor(labels).tolist()
    assert torch.tensor(labels[39]) == labels[39] == labels.tolist()[39]
    assert repr(labels[:2]) == repr(np.asarray(labels)[:2])
    # of another order of the classes: by name
    others = type(labels)(np.array([1, 0, 1]), ("happy", "angry"))
    angry = labels[:3]
    assert (angry == "angry").all() and (angry == others).tolist() == [True, False, True]
    assert (others != angry).tolist() == [False, True, False] and others[0] == angry[0]
    assert others[1] != angry[1]


def test_more_positions_than_anybody_needs_are_looked_at_by_force(here, monkeypatch):
    module = import_module("fer_utils.saliency.occlusion")
    monkeypatch.setattr(module, "MOST_POSITIONS", 3)
    square = {"window": 24, "stride": 24}
    with pytest.raises(FerError, match="4 positions"):
        saliency.attribute(here["net"], here["faces"][0], "occlusion", **square)
    found = saliency.attribute(here["net"], here["faces"][0], "occlusion", force=True, **square)
    assert found.map.shape == (48, 48)
