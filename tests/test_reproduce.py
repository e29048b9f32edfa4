"""Published rows trained again: jobs that go on, records, and what the table says of them."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fer_lab import reproduce
from fer_lab import run as runs
from fer_lab.reproduce import (
    command,
    comparison,
    datasets,
    intervals,
    jobs,
    records,
    scores,
    speed,
)
from fer_lab.reproduce.jobs import Job, slug
from fer_utils import __main__, evaluate, models, papers
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER7, FER8
from fer_utils.errors import FerError
from fer_utils.locks import LOCK
from fer_utils.models.facenet import class_names
from fer_utils.papers import Claim, borgalli2022
from fer_utils.train.recipes import RECIPES
from tests import layouts, small_fer2013
from tests.test_locks import another_program

FIGURES = Path(__file__).resolve().parents[1] / "figures"
ALESSI = "alessi2019:text:happy"
ARRIAGA = "alessi2019:text:mini-Xception by Arriaga et al."
BASE = "pandey2019:IV:base model (given in Table III)"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    small_fer2013.write(tmp_path / "data" / "fer2013")
    return tmp_path / "data"


@pytest.fixture
def fer_utils(tmp_path, root):
    def call(*words):
        where = ("--data", str(root), "--out", str(tmp_path / "out"), "--threads", "1")
        return __main__.main(["reproduce", *where, *words])

    return call


def rows_of(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#")
    return {row["key"]: row for row in csv.DictReader(lines[1:])}


def curve(record):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in record["curve"]]


# The runs


def test_all_rows_of_a_table_are_trained_scored_and_published(fer_utils, tmp_path, capsys):
    small_fer2013.write(tmp_path / "data" / "fer2013", (16, 8, 0))  # five networks of 64 pixels
    figures = tmp_path / "figures"
    words = ("pandey2019:IV", "--epochs", "1", "--figures", str(figures))
    assert fer_utils(*words) == 0
    said = capsys.readouterr().out
    found = reproduce.finished(tmp_path / "out")
    assert {one["claim"] for one in found} == {one.key for one in papers.claims("pandey2019:IV")}
    for record in found:
        matrix = np.array(record["confusion"])
        assert matrix.sum() == record["accuracy"]["n"] == record["faces"]["valid"] == 8
        assert matrix.trace() == record["accuracy"]["correct"]
        assert record["split"] == "valid" and record["faces"]["test"] == 0
        assert tuple(record["classes"]) == FER8
        assert record["config"]["label_rule"] == "majority" and record["seed"] == 0
        assert len(record["curve"]) == record["epochs_done"] == 1
        assert record["seconds"] > 0 and record["versions"]["torch"]
        assert str(tmp_path) not in json.dumps(record)
    for folder in (figures, tmp_path / "out"):
        rows = rows_of(folder / "claims.csv")
        assert len(rows) == len(papers.CLAIMS)
        assert rows[BASE]["status"] == "protocol not comparable"
        assert "validation split" in rows[BASE]["why"] and "1 of 100 epochs" in rows[BASE]["why"]
        assert rows["pandey2019:I:STL + RTNN"]["status"] == "data not available here"
        assert rows["pandey2019:II:VGG13 (reported)"]["status"] == "not run yet"
        assert (folder / "claims.png").stat().st_size > 1000
    assert said.count("best of 1 epochs") == 5 and "published 80.37 %; ours" in said
    assert len(list((figures / "runs").iterdir())) == 5

    net = models.load(str(next((tmp_path / "out").glob("*base-model*/seed0/model.safetensors"))))
    assert net.classes == FER8

    before = (figures / "claims.csv").read_bytes()
    (figures / "claims.csv").unlink()
    assert (
        __main__.main(["reproduce", "--table", *words[3:], "--data", str(tmp_path / "data")]) == 0
    )
    assert (figures / "claims.csv").read_bytes() == before


def stop_after(epochs, monkeypatch):
    """Ctrl-C, as it arrives when so many epochs are done."""
    check = runs.RunLock.check

    def interrupt(lock, history=None):
        check(lock, history)
        if history and len(history.epochs) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs.RunLock, "check", interrupt)


def test_an_interrupted_run_goes_on_to_the_same_numbers(fer_utils, tmp_path, monkeypatch, capsys):
    words = (ALESSI, "--epochs", "3")
    with monkeypatch.context() as patched:
        stop_after(2, patched)
        assert fer_utils(*words) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert not reproduce.finished(tmp_path / "out")
    assert fer_utils(*words) == 0
    assert fer_utils(*words, "--out", str(tmp_path / "other")) == 0
    (resumed,), (whole,) = (reproduce.finished(tmp_path / out) for out in ("out", "other"))
    assert (resumed["sittings"], whole["sittings"]) == (2, 1)
    assert curve(resumed) == curve(whole) and len(curve(whole)) == 3
    assert resumed["confusion"] == whole["confusion"]
    assert resumed["seconds"] > sum(row["seconds"] for row in resumed["curve"])


@pytest.fixture
def job(tmp_path, root):
    return Job(ARRIAGA, 0, tmp_path / "out", root, epochs=1, threads=1)


def test_what_is_done_is_not_done_again(job, root, monkeypatch):
    first = runs.do(job, progress=False)
    with monkeypatch.context() as patched:
        patched.setattr(jobs.Job, "fit", None)
        assert runs.do(job, progress=False) == json.loads(json.dumps(first))
    small_fer2013.write(root / "fer2013", (32, 16, 8))  # the test split arrives
    again = runs.do(job, progress=False)
    assert again["split"] == "test" and again["accuracy"]["n"] == 8
    assert curve(again) == curve(first)
    with monkeypatch.context() as patched:
        patched.setattr(jobs.Job, "fit", None)
        assert runs.do(job, progress=False)["split"] == "test"


@pytest.mark.parametrize("done", [True, False], ids=["done", "interrupted"])
def test_other_faces_of_the_same_name_and_number_are_refused(job, root, monkeypatch, done):
    if done:
        runs.do(job, progress=False)
    else:
        monkeypatch.setattr(jobs, "evaluate", None)
        with pytest.raises(TypeError):
            runs.do(job, progress=False)
        monkeypatch.undo()
        monkeypatch.setenv("FER_UTILS_CACHE", str(root / "cache"))
    file = root / "fer2013" / "fer2013.csv"
    rows = file.read_text().splitlines()
    rows[1], rows[2] = rows[2][0] + rows[1][1:], rows[1][0] + rows[2][1:]
    file.write_text("\n".join(rows) + "\n")
    with pytest.raises(FerError, match=r"holds another run \(other labels of the train faces\)"):
        runs.do(job, progress=False)
    rows[20] = rows[21]
    other = root.parent / "elsewhere" / "fer2013"
    other.mkdir(parents=True)
    (other / "fer2013.csv").write_text("\n".join(rows) + "\n")
    shutil.copy(root / "fer2013" / "fer2013new.csv", other)
    elsewhere = replace(job, data=other.parent)
    with pytest.raises(FerError, match=r"\(other labels and pixels of the train faces\)"):
        runs.do(elsewhere, progress=False)


def test_runs_of_other_faces_are_not_published_or_counted_together(tmp_path):
    known = {"train": {"pixels": "1", "labels": "2"}}
    first, second = (
        {**record_of(BASE, 2500, seed), "digests": known, "seed": seed} for seed in range(2)
    )
    records.publish(first, tmp_path)
    second["digests"] = {"train": {"pixels": "1", "labels": "3"}}
    with pytest.raises(FerError, match=r"\(other labels of the train faces\): delete it"):
        records.publish(second, tmp_path)
    assert len(compare(BASE, [first, second]).records) == 1
    del second["digests"]  # from before: taken for the same
    assert len(compare(BASE, [first, second]).records) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b""),
        ("sitting.json", b'{"number": 1, "checksum": "0"}'),
        ("run.json", b"\xff\xfe"),
    ],
    ids=str,
)
def test_a_damaged_file_of_a_run_is_told_and_made_again(job, name, content, capsys):
    first = runs.do(job, progress=False)
    (job.folder / name).write_bytes(content)
    assert runs.do(job, progress=False)["confusion"] == first["confusion"]
    said = capsys.readouterr().out
    assert said.count(f"{job.folder / name} is damaged") == 1
    (job.folder / "config.json").write_bytes(content)
    with pytest.raises(
        FerError, match=r'another run \(precision "float32" there, "bfloat16" asked'
    ):
        runs.do(replace(job, precision="bfloat16"), progress=False)


def test_a_damaged_record_is_left_out_of_the_table_with_a_line(job, capsys):
    runs.do(job, progress=False)
    (job.folder / "run.json").write_text("{}")
    assert reproduce.finished(job.out) == []
    assert "left out" in capsys.readouterr().out


def test_the_second_program_at_a_run_says_who_holds_it_and_ends_with_2(fer_utils, tmp_path, capsys):
    folder = tmp_path / "out" / "alessi2019-text-happy" / "seed0"
    folder.mkdir(parents=True)
    with another_program(folder / LOCK) as other:
        assert fer_utils(ALESSI, "--epochs", "1") == 2
        assert f"failed: {folder} is in use by process {other.pid} on" in capsys.readouterr().out
    assert fer_utils(ALESSI, "--epochs", "1") == 0


def test_a_run_begun_before_a_setting_was_invented_goes_on(tmp_path):
    first = Job(ALESSI, 0, tmp_path)
    first.folder.mkdir(parents=True)
    runs.claim_folder(first)
    config = first.config()
    del config["hyper_parameters"]["distil"], config["hyper_parameters"]["augmentation"]["noise"]
    path = first.folder / runs.ASKED
    path.write_text(json.dumps(config))
    begun = first.folder / "last.pt"
    begun.touch()
    runs.claim_folder(first)
    config["hyper_parameters"]["batch"] = 7
    path.write_text(json.dumps(config))
    with pytest.raises(FerError, match=r"another run \(batch 7 there, 32 asked\)"):
        runs.claim_folder(first)
    begun.unlink()  # settings of a start that failed, of wrong data or weights, hinder nobody
    runs.claim_folder(first)
    assert runs.whole(path) == first.config()


def test_a_folder_of_an_earlier_day_is_recognised(tmp_path):
    """As they were written before there was one frame for all runs."""
    slugged = "pandey2019-iv-base-model-given-in-table-iii"
    old = records.read(FIGURES / "runs" / f"{slugged}-seed0.json")
    job = Job(BASE, 0, tmp_path, epochs=old["config"]["epochs"], device="cpu")
    job.folder.mkdir(parents=True)
    assert job.folder == tmp_path / slugged / "seed0"
    old["split"] = "test"
    files = {"config.json": old["config"], "run.json": old}
    files["sitting.json"] = {"number": 2, "token": "ab", "host": "there", "process": 1}
    for name, content in files.items():
        (job.folder / name).write_text(json.dumps(content))
    assert runs.do(job) == old
    assert reproduce.finished(tmp_path) == [old]
    assert runs.RunLock(job.folder).number == 3


def test_seeds_and_shares_are_those_asked_for(fer_utils, tmp_path):
    words = (ALESSI, "--epochs", "1", "--faces", "20", "--seeds", "3", "5", "--share", "2/2")
    assert fer_utils(*words) == 0
    (record,) = reproduce.finished(tmp_path / "out")
    assert record["seed"] == 5
    assert record["command"] == (
        f"python -m fer_utils reproduce {ALESSI} --seeds 5 --epochs 1 --faces 20 --threads 1"
    )


def test_a_run_goes_on_to_more_epochs_and_fewer_are_another_run(fer_utils, tmp_path, capsys):
    words = (ALESSI, "--faces", "20", "--epochs")
    for epochs in ("1", "3"):
        assert fer_utils(*words, epochs) == 0
    assert fer_utils(*words, "3", "--out", str(tmp_path / "other")) == 0
    (longer,), (whole,) = (reproduce.finished(tmp_path / out) for out in ("out", "other"))
    assert (longer["sittings"], whole["sittings"]) == (2, 1)
    assert curve(longer) == curve(whole) and len(curve(whole)) == 3
    assert longer["config"] == whole["config"] and longer["answers"] == whole["answers"]
    assert fer_utils(*words, "2") == 2
    said = capsys.readouterr().out
    assert "holds another run (epochs 3 there, 2 asked)" in said and "another --out" in said


def test_a_quick_look_learns_from_few_faces_and_enters_no_table(fer_utils, tmp_path, capsys):
    figures = ("--figures", str(tmp_path / "figures"))
    assert fer_utils(ALESSI, "--epochs", "1", "--faces", "20", *figures) == 0
    (record,) = reproduce.finished(tmp_path / "out")
    assert record["faces"] == {"train": 20, "valid": 0, "test": 10}
    assert not (tmp_path / "out" / "claims.csv").exists()
    assert not (tmp_path / "figures" / "runs").exists()
    assert "accuracy" in capsys.readouterr().out
    with pytest.raises(FerError, match="quick look"):
        records.publish(record, tmp_path)
    assert not any(row.records for row in comparison.table([record], lambda name: True))


def test_another_process_at_the_same_run_ends_this_one(job, monkeypatch):
    evaluate = jobs.evaluate

    def meanwhile(net, faces):
        runs.RunLock(job.folder)
        return evaluate(net, faces)

    monkeypatch.setattr(jobs, "evaluate", meanwhile)
    with pytest.raises(runs.TakenOverError, match="taken over"):
        runs.do(job, progress=False)
    assert not (job.folder / "run.json").exists()


def test_rows_that_cannot_be_trained_are_told_apart(fer_utils, tmp_path, capsys):
    assert fer_utils("pandey2019:I") == 2
    said = capsys.readouterr().err
    assert "nothing to train" in said and "kdef is not" in said and "How to get it" in said
    assert fer_utils("minaee2019:I:Bag of Words") == 2
    assert "can be set beside it" in capsys.readouterr().err
    assert fer_utils("mazen2021") == 2
    assert "VGG-Face's weights" in (said := capsys.readouterr().err) and "--base-weights" in said
    assert fer_utils() == 2 and fer_utils("pandey2018") == 2 and fer_utils(ALESSI, "--runs", "0")
    assert "Did you mean" in capsys.readouterr().err


def test_the_list_says_what_each_row_needs(fer_utils, capsys, monkeypatch):
    monkeypatch.setattr(speed.Speed, "of", lambda self, experiment: 100.0)
    alone = ("--device", "cpu", "--figures", "nowhere")
    assert fer_utils("--list", "pandey2019", *alone) == 0
    said = capsys.readouterr().out
    assert "kdef (not here); mini_xception, recipe pandey2019_rtnn, 200 epochs; 0 runs" in said
    assert "ferplus (here); bottleneck_065m, recipe pandey2019, 100 epochs; 0 runs" in said
    assert "data not available here: kdef" in said and "not run yet" in said
    # 100 epochs of 25,060 faces at 100 a second
    assert "about 7 hours a run (an estimate, at 100 pictures per second on one core)" in said
    assert fer_utils("--list", "mazen2021") == 0
    said = capsys.readouterr().out
    assert "another group's method" in said and "--base-weights FILE" in said
    # of the runs that are kept beside the kit's table
    assert fer_utils("--list", ALESSI, "--figures", str(FIGURES)) == 0
    assert "    within: ours less" in (said := capsys.readouterr().out)
    assert "2 runs of 80 epochs in" in said


def test_a_networks_speed_is_measured():
    claim = papers.claim("minaee2019:IV:The proposed algorithm")
    threads = torch.get_num_threads()
    assert speed.Speed("cpu").of(claim.experiment) > 0
    assert torch.get_num_threads() == threads
    assert speed.training_faces(claim) == round(0.7 * 981)
    assert speed.training_faces(papers.claim(ALESSI)) == 28_710
    assert speed.training_faces(papers.claim("borgalli2022:1:AMFED+")) is None
    assert [command.span(one) for one in (3, 150, 8000, 2e5)] == [
        "3 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]


# The papers' protocols, on small sets that lie like theirs


def test_a_training_that_watched_the_test_set_is_read_at_its_last_epoch_and_its_best(
    fer_utils, tmp_path, monkeypatch
):
    """alessi2019: a random fifth of all, and the 80th epoch; what the best one would have given."""
    assert fer_utils(ALESSI, "--epochs", "3") == 0
    (record,) = reproduce.finished(tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(jobs.Job, "fit", None)
        assert fer_utils(ALESSI, "--epochs", "3") == 0  # what is done is not done again
    assert (record["division"], record["split"]) == ("paper", "test")
    assert record["faces"] == {"train": 38, "valid": 0, "test": 10}
    assert record["config"]["setup"] == {"test": 0.2, "epoch": "last"}
    assert record["epoch"] == record["epochs_done"] == 3
    other = record["other_epochs"]["test"]
    best = max(record["curve"], key=lambda row: (row["valid_accuracy"], -row["valid_loss"]))
    assert other["epoch"] == record["best_epoch"] == best["epoch"]
    for reading in (record, other):
        row = record["curve"][reading["epoch"] - 1]
        assert reading["accuracy"]["value"] == pytest.approx(row["valid_accuracy"])
        labels, said = comparison.answers(record, reading)
        matrix = np.zeros((7, 7), int)
        np.add.at(matrix, (labels, said), 1)
        assert matrix.tolist() == reading["confusion"]
    net = models.load(str(next((tmp_path / "out").glob("*/seed0/model.safetensors"))))
    faces, _ = datasets.load(papers.claim(ALESSI), net, tmp_path / "data", faces=None, progress=0)
    assert datasets.digest(faces["test"]) == record["scored_faces"]
    assert evaluate.evaluate(net, faces["test"]).confusion().tolist() == record["confusion"]
    row = comparison.compare(papers.claim(ALESSI), [record], lambda name: True)
    assert row.why == "3 of 80 epochs; 10 faces scored, 7,178 in the paper"
    assert row.on_test is not None and row.cells()["files"].startswith("alessi2019-text-happy")


def shorter(monkeypatch, name, **changes):
    """Let a recipe be done soon, as the paper's own."""
    monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], epochs=1, **changes))


def test_ckplus_trains_and_is_judged(fer_utils, root, tmp_path, monkeypatch):
    layouts.ckplus48(root / "ckplus")
    shorter(monkeypatch, "minaee2019")
    assert fer_utils("minaee2019:IV") == 0
    (record,) = reproduce.finished(tmp_path / "out")
    assert record["faces"] == {"train": 687, "valid": 98, "test": 196}
    assert "neutral" not in record["classes"] and len(record["classes"]) == 7
    row = rows_of(tmp_path / "out" / "claims.csv")["minaee2019:IV:The proposed algorithm"]
    assert row["status"] in comparison.VERDICTS and "one run" in row["why"]
    assert float(row["ours_95_low"]) <= float(row["ours"]) <= float(row["ours_95_high"])


def test_rafdb_is_cut_out_balanced_and_trained(fer_utils, root, tmp_path, monkeypatch):
    layouts.rafdb(root / "rafdb", train=24)
    shorter(monkeypatch, "borgalli2022")
    assert fer_utils("borgalli2022:1:RAF-DB") == 0
    (record,) = reproduce.finished(tmp_path / "out")
    assert record["config"]["setup"] == {"load": {"crop": "haar"}, "balanced": True}
    assert record["faces"]["train"] % 7 == 0 and record["faces"]["test"] == 7
    assert tuple(record["classes"]) == borgalli2022.REPORTS["rafdb"].order
    row = rows_of(tmp_path / "out" / "claims.csv")["borgalli2022:Fig. 11:class 3, recall"]
    assert row["why"] == "7 faces scored, 3,068 in the paper" and row["ours"]


def test_mazen2021_starts_from_weights_that_are_given(fer_utils, tmp_path, monkeypatch, capsys):
    from safetensors.torch import save_file

    claim = papers.claim("mazen2021:text:original FER2013")
    small = replace(claim, experiment={**claim.experiment, "input_size": 32})
    monkeypatch.setattr(jobs.papers, "claim", lambda key: small)
    base = models.create("vgg_face", input_size=32, seed=9).trunk.base.state_dict()
    save_file({name: tensor.contiguous() for name, tensor in base.items()}, tmp_path / "base")
    words = ("mazen2021", "--epochs", "1", "--faces", "14")
    words += ("--base-weights", str(tmp_path / "base"))
    assert fer_utils(*words) == 0, capsys.readouterr().out
    (record,) = reproduce.finished(tmp_path / "out")
    assert len(record["config"]["base_weights"]) == 16 and "base" not in record["command"]
    assert record["epoch"] == record["best_epoch"] and "last" in record["other_epochs"]
    net = models.load(str(next((tmp_path / "out").glob("*/seed0/model.safetensors"))))
    assert all(torch.equal(net.trunk.base.state_dict()[name], base[name]) for name in base)
    (tmp_path / "base").unlink()
    assert fer_utils(*words) == 2 and "--base-weights" in capsys.readouterr().out


LAYOUTS = {
    "kdef": layouts.kdef,
    "ferg": layouts.ferg,
    "jaffe": layouts.jaffe,
    "ckplus": layouts.ckplus48,
    "rafd": layouts.rafd,
    "rafdb": lambda root: layouts.rafdb(root, train=24),
    "sfew": lambda root: layouts.sfew(root, each=40, frames=False),
}


@pytest.fixture(scope="module")
def every_set(tmp_path_factory):
    """A folder with a small copy of each data set that a row of the papers can be trained on."""
    root = tmp_path_factory.mktemp("sets")
    for name, lay in LAYOUTS.items():
        lay(root / name)
    small_fer2013.write(root / "fer2013", (56, 32, 32), folders=True)
    return root


CAN_BE_JUDGED = [one for one in papers.CLAIMS if not one.comparable]
TRAININGS = list({reproduce.trained_once(one).key: one for one in CAN_BE_JUDGED}.values())


@pytest.mark.parametrize("claim", TRAININGS, ids=lambda one: one.key)
def test_every_training_finds_its_faces(claim, every_set):
    with torch.device("meta"):
        net = models.from_claim(claim.key)
    parts, division = datasets.load(claim, net, every_set, faces=None, progress=False)
    # FERG's sizes need the whole set
    by = {"fer2013": "published", "ferplus": "published", "ferg": "subject"}
    assert division == ("paper" if claim.setup.test else by.get(claim.dataset, "paper"))
    learned = set(np.array(parts["train"].classes)[parts["train"].labels])
    assert learned == set(net.classes) and len(parts["test"]) > 0
    assert len(parts["valid"]) > 0 or claim.setup.epoch != "valid"
    if claim.setup.balanced:
        assert len(set(parts["train"].counts().values()) - {0}) == 1


def test_the_oval_leaves_only_the_face_of_kdef(every_set):
    claim = papers.claim("borgalli2022:1:KDEF")
    with torch.device("meta"):
        net = models.from_claim(claim.key)
    parts, _ = datasets.load(claim, net, every_set, faces=6, progress=False)
    images = parts["test"].images
    assert not images[:, :, :30, :30].any() and images[:, :, 90:130, 90:130].any()


def test_a_balanced_set_has_every_face_and_as_many_of_each_class():
    labels = np.array([0] * 5 + [1] * 2 + [2] * 3)
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 8, 8), np.uint8)
    faces = FaceSet("own", images, labels, ("a", "b", "c"), np.full(10, "train"))
    found = datasets.balanced(faces)
    assert found.counts() == {"a": 5, "b": 5, "c": 5}
    assert set(found.images[:, 0, 0, 0].tolist()) == set(range(10))
    assert (found.images[:, 0, 0, 0][found.labels == 1] >= 5).all()


# Jobs and data


def test_rows_of_one_training_share_its_runs(tmp_path):
    claims = papers.claims("alessi2019:text")
    made = reproduce.make_jobs(claims, range(2), out=tmp_path)
    happy = [job for job in made if job.claim == ALESSI]
    assert [job.seed for job in happy] == [0, 1]
    assert len(made) < len(claims)
    assert len({job.folder for job in made}) == len(made)


def test_every_training_has_a_folder_of_its_own():
    keys = {reproduce.trained_once(one).key for one in papers.CLAIMS if one.experiment}
    assert len({slug(key) for key in keys}) == len(keys)
    assert slug(BASE) == "pandey2019-iv-base-model-given-in-table-iii"


def test_a_data_set_is_found_in_its_folder_and_in_that_of_all(root, tmp_path):
    own = root / "fer2013"
    for given in (root, own):
        assert reproduce.locate("fer2013", given) == reproduce.locate("ferplus", given) == own
    (own / "fer2013new.csv").unlink()
    assert reproduce.locate("fer2013", root) == own
    assert reproduce.locate("ferplus", root) is None
    assert reproduce.locate("kdef", root) is None and reproduce.locate("live video", root) is None


def test_labels_by_votes_are_not_taken_for_the_data_sets_own(tmp_path):
    """FERPlus's generator leaves pictures and votes, and the rule majority leaves faces out."""
    home = small_fer2013.write(tmp_path / "fer2013", (28, 14, 14), folders=True)
    (home / "fer2013.csv").unlink()
    for table in home.glob("FERPlus/data/*/label.csv"):
        folder = table.parent.rename(home / table.parent.name)
        for line in (folder / "label.csv").read_text().splitlines():
            picture = Image.fromarray(np.zeros((48, 48), np.uint8))
            picture.save(folder / line.partition(",")[0])
    for key in ("minaee2019:I:The proposed algorithm", ALESSI):
        with torch.device("meta"):
            net = models.from_claim(key)
        with pytest.raises(FerError, match="rule 'majority' only.* needs fer2013's own: Kaggle"):
            datasets.load(papers.claim(key), net, tmp_path, faces=None, progress=False)


def test_faces_are_thinned_without_losing_a_class(root):
    claim, net = papers.claim(BASE), models.from_claim(BASE)
    whole, division = datasets.load(claim, net, root, faces=None, progress=False)
    few, _ = datasets.load(claim, net, root, faces=10, progress=False)
    assert division == "published"
    assert len(whole["train"]) == 32 and len(few["train"]) == 10 and len(few["test"]) == 0
    assert all(few["train"].counts().values())
    net.classes = FER7
    seven, _ = datasets.load(claim, net, root, faces=None, progress=False)
    assert len(seven["train"]) == 28  # contempt is left out for a net that has no such output


def test_faces_without_a_validation_split_are_divided():
    labels = np.arange(200) % 2
    images = np.zeros((200, 1, 8, 8), np.uint8)

    def faces(split, **others):
        return FaceSet("own", images, labels, ("happy", "sad"), np.array(split), **others)

    def numbers(found):
        return [int((found.split == name).sum()) for name in ("train", "valid", "test")]

    found, division = datasets.divide(faces(["train"] * 150 + ["test"] * 50))
    assert (numbers(found), division) == ([135, 15, 50], "published")
    assert (found.split[150:] == "test").all()
    found, division = datasets.divide(faces(["train"] * 200))
    assert (numbers(found), division) == ([140, 20, 40], "random")
    people = np.arange(200) // 10
    found, division = datasets.divide(faces(["train"] * 200, subjects=people))
    assert division == "subject" and numbers(found) == [140, 20, 40]
    assert all(len(set(found.split[people == one])) == 1 for one in people)
    papers_own = np.array(["train", "valid", "test", ""] * 50)
    found, division = datasets.divide(faces(["train"] * 200, columns={"paper_split": papers_own}))
    assert (numbers(found), division) == ([50, 50, 50], "paper")
    papers_own[papers_own == "valid"] = "train"
    found, division = datasets.divide(faces(["train"] * 200, columns={"paper_split": papers_own}))
    assert (numbers(found), division) == ([90, 10, 50], "paper")


# The table


def record_of(key, correct, seed=0, split="test", n=3137, division="published", **changes):
    """A run of a claim as `run` leaves it, of two classes: what is right is happy, the rest sad."""
    config = Job(key, seed, None).config()
    wrong = n - correct
    low, high = (correct / n - 0.01, correct / n + 0.01)
    return {
        "claim": key,
        "config": {**config, **changes},
        "seed": seed,
        "split": split,
        "division": division,
        "accuracy": {"value": correct / n, "correct": correct, "n": n, "interval_95": [low, high]},
        "classes": ["happy", "sad"],
        "confusion": [[correct, 0], [wrong, 0]],
        "labels": "0" * correct + "1" * wrong,
        "answers": "0" * n,
        "scored_faces": "those",
    }


def compare(key, runs, here=True):
    return comparison.compare(papers.claim(key), runs, lambda name: here)


@pytest.mark.parametrize(
    ("correct", "status"),
    [
        ((2522,), "within"),  # 80.4 % beside 80.37 %
        ((2495,), "within"),  # 79.5 %
        ((2430,), "below"),  # 77.5 %
        ((2620,), "above"),  # 83.5 %
        ((2440, 2441, 2439), "below"),
        ((2400, 2521), "within"),  # two runs so far apart say little
        ((2900, 2905), "above"),
    ],
)
def test_a_verdict_asks_whether_luck_explains_the_difference(correct, status):
    row = compare(BASE, [record_of(BASE, c, seed) for seed, c in enumerate(correct)])
    cells = row.cells()
    assert row.status == status and cells["runs"] == str(len(correct))
    mean = 100 * np.mean(correct) / 3137
    assert cells["ours"] == f"{mean:.2f}" and cells["difference"] == f"{mean - 80.37:+.2f}"
    low, high = float(cells["difference_95_low"]), float(cells["difference_95_high"])
    assert low < mean - 80.37 < high
    assert status == ("above" if low > 0 else "below" if high < 0 else "within")
    assert float(cells["published_95_low"]) < 80.37 < float(cells["published_95_high"])
    assert ("one run" in row.why) == (len(correct) == 1)
    assert "number of test faces is taken to be ours" in row.why
    assert "reproduced" not in row.why + row.status


def simulated(claim, seed, tmp_path):
    """A run of a claim's training as it would be if everything were at hand: its answers drawn."""
    key = reproduce.trained_once(claim).key
    base = tmp_path / "base.safetensors"
    base.write_bytes(b"weights")
    config = Job(key, seed, None, base_weights=base).config()
    made = claim.experiment
    classes = tuple(made.get("classes") or class_names(made["num_classes"]))
    n, random = claim.n or 3137, np.random.default_rng([seed, len(key)])
    labels = np.random.default_rng(0).integers(0, len(classes), n)
    said = np.where(random.random(n) < 0.7, labels, random.integers(0, len(classes), n))
    result = evaluate.Evaluation(np.eye(len(classes))[said], labels, classes)
    return {
        "claim": key,
        "config": config,
        "seed": seed,
        "split": "test",
        "division": "paper",
        "scored_faces": "those",
        "labels": jobs.digits(labels),
        **jobs.scores(result),
    }


@pytest.mark.parametrize("claim", papers.CLAIMS, ids=lambda one: one.key)
def test_every_row_ends_in_a_verdict_or_in_the_reason_that_there_is_none(
    claim, tmp_path, monkeypatch
):
    monkeypatch.setattr(intervals, "DRAWS", 50)
    if claim.comparable:
        row = compare(claim.key, [])
        assert (row.status, row.why) == ("protocol not comparable", claim.comparable)
        return
    rows = [claim, *([papers.claim(claim.gain_of)] if claim.gain_of else [])]
    runs = [simulated(one, seed, tmp_path) for one in rows for seed in (0, 1)]
    row = compare(claim.key, runs)
    assert row.status in comparison.VERDICTS, row.why
    assert len(row.values) == 2 and row.interval[0] <= np.mean(row.values) <= row.interval[1]
    first = runs[0]
    if claim.row.startswith("class "):
        number, counts = int(claim.row.split()[1].strip(",")), np.array(first["confusion"])
        truth = {"recall": counts.sum(1), "precision": counts.sum(0)}.get(claim.metric)
        if truth is not None:
            assert row.values[0] == pytest.approx(counts[number, number] / truth[number])


def test_a_gain_is_the_difference_of_pairs_of_runs_on_the_same_faces():
    claim = papers.claim("alessi2019:text:gain by data augmentation")

    def pair(seed, only_with, only_without, n=7178):
        """Runs with and without: 4,000 faces both have right, some only one of them."""
        labels = np.zeros(n, int)
        said = np.ones((2, n), int)
        said[:, :4000] = 0
        said[0, 4000 : 4000 + only_with] = 0
        said[1, 5000 : 5000 + only_without] = 0
        for row, answers in zip((claim.gain_of, claim.key), said, strict=True):
            record = record_of(row, int((answers == 0).sum()), seed, n=n, division="paper")
            right = int((answers == 0).sum())
            record |= {"confusion": [[right, n - right], [0, 0]], "answers": jobs.digits(answers)}
            yield record | {"labels": jobs.digits(labels)}

    def judge(*pairs):
        return compare(claim.key, [run for runs in pairs for run in runs])

    row = judge(pair(0, 500, 200), pair(1, 510, 190))
    assert row.status == "within" and row.values == pytest.approx((4.18, 4.46), abs=0.01)
    assert row.cells()["files"].split() == [
        "alessi2019-text-gain-by-data-augmentation-seed0.json",
        "alessi2019-text-gain-by-data-augmentation-seed1.json",
        "alessi2019-text-happy-seed0.json",
        "alessi2019-text-happy-seed1.json",
    ]
    # 2.8 points of one pair, to 0.7: a published gain of 4 has faces of its own, too
    row = judge(pair(0, 400, 200))
    assert row.status == "within" and row.interval[1] < 3.5 and row.published[0] < 3
    assert judge(pair(0, 100, 100)).status == "below"
    assert judge(pair(0, 900, 50)).status == "above"
    assert judge(list(pair(0, 500, 200))[:1]).status == "not run yet"
    others = [{**one, "scored_faces": str(number)} for number, one in enumerate(pair(0, 500, 200))]
    assert "same faces" in judge(others).why


def test_what_choosing_the_epoch_on_the_test_set_brings_is_measured():
    record = record_of(ALESSI, 4000, n=7178, division="paper")
    better = {"answers": "0" * 4000 + "1" * 100 + "0" * 3078}
    better["confusion"] = [[4000, 0], [3078, 100]]
    row = compare(ALESSI, [{**record, "other_epochs": {"test": better}}])
    cells = row.cells()
    assert float(cells["best_test_epoch"]) > float(cells["ours"])
    assert 0 < float(cells["best_test_gain_95_low"]) < float(cells["best_test_gain_95_high"])
    assert compare(ALESSI, [record]).on_test is None


# Intervals


def test_the_difference_of_two_shares_is_newcombes():
    """56 of 70 and 48 of 80, in his paper of 1998: 0.0524 to 0.3339."""
    one, other = intervals.of_share(56 / 70, 70), intervals.of_share(48 / 80, 80)
    found = intervals.difference(56 / 70, one, 48 / 80, other)
    assert found == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_faces_drawn_again_give_about_wilsons_interval():
    counts = np.array([[300, 100], [50, 550]])

    def accuracy(counts):
        return np.diagonal(counts, axis1=-2, axis2=-1).sum(-1) / counts.sum((-2, -1))

    assert intervals.of_faces(accuracy, counts) == pytest.approx(
        intervals.of_share(0.85, 1000), abs=0.004
    )


def test_runs_add_the_luck_of_their_seeds_to_that_of_the_faces():
    faces = [(0.68, 0.72)] * 3
    alike, apart = intervals.of_mean([0.7] * 3, faces), intervals.of_mean([0.69, 0.7, 0.71], faces)
    assert alike == pytest.approx((0.68, 0.72))
    # t(2) = 4.303 times 0.01 over the root of 3
    assert apart[1] - 0.7 == pytest.approx(np.hypot(0.02, 4.303 * 0.01 / np.sqrt(3)), abs=1e-5)


def test_a_published_number_of_one_run_has_the_luck_of_a_seed_too():
    """Runs that scatter by 2 points: the next one, a paper's say, lies within t times as much."""
    n = 7178
    right = [round(n * share) for share in (0.58, 0.60, 0.62)]
    claim = replace(papers.claim(ALESSI), metric="accuracy", unit="%", value=65.5, decimals=1)
    made = [record_of(ALESSI, one, seed, n=n, division="paper") for seed, one in enumerate(right)]
    row = comparison.compare(claim, made, lambda name: True)
    assert row.status == "within" and row.published[0] == pytest.approx(65.5 - 8.7, abs=0.2)
    # of the mean alone: 60 and 5 points more or less would not reach it
    assert row.interval[1] == pytest.approx(65.1, abs=0.2)
    several = replace(claim, low=65.4, high=65.6)
    assert comparison.compare(several, made, lambda name: True).published[0] > 64


def test_pairs_are_narrower_than_two_test_sets_and_coins_decide():
    labels = np.zeros(1000, int)
    first, second = labels.copy(), labels.copy()
    first[:200] = 1  # wrong
    second[:170] = 1

    def accuracy(counts):
        return np.diagonal(counts, axis1=-2, axis2=-1).sum(-1) / counts.sum((-2, -1))

    gain, (low, high) = intervals.of_pairs(accuracy, 2, [(labels, first, second)])
    assert gain == pytest.approx(0.03) and 0 < low < gain < high < 0.05
    assert intervals.mcnemar(labels, first, second) == pytest.approx(2 * 0.5**30)
    assert intervals.mcnemar(labels, first, first) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"split": "valid"}, "validation split"),
        ({"division": "subject"}, "divided by subject"),
        ({"epochs": 5}, "5 of 100 epochs"),
        ({"epochs": 250}, "250 epochs, 100 in the paper"),
        ({"label_rule": "probability"}, "labels by probability"),
        ({"recipe": "one_cycle"}, "another network or recipe"),
    ],
)
def test_another_protocol_is_not_comparable(changes, why):
    row = compare(BASE, [record_of(BASE, 2600, **changes)])
    assert (row.status, len(row.records)) == ("protocol not comparable", 1)
    assert why in row.why


def test_one_run_that_broke_off_takes_the_verdict_of_all():
    ended = ("all 100 epochs done", "early, after 60 of 100 epochs", "the loss became NaN")
    every = [{**record_of(BASE, 2522, seed), "stopped": why} for seed, why in enumerate(ended)]
    assert compare(BASE, every[:2]).status == "within"
    row = compare(BASE, every)
    assert row.status == "protocol not comparable"
    assert row.why == "the training broke off: the loss became NaN"


def test_a_test_set_of_another_size_is_not_comparable():
    row = compare(ALESSI, [record_of(ALESSI, 3000, n=3589)])
    assert row.status == "protocol not comparable"
    assert "3,589 faces scored, 7,178 in the paper" in row.why


def test_comparable_runs_count_before_others_and_runs_are_not_mixed():
    short = [record_of(BASE, 3000, seed, epochs=5) for seed in range(4)]
    whole = [record_of(BASE, 2522, seed) for seed in range(2)]
    row = compare(BASE, [*short, *whole, *whole])
    assert row.status == "within" and len(row.records) == 2  # a seed counts once
    other = record_of("pandey2019:IV:base + Sobel (input concatenated)", 3000)
    assert compare(BASE, [other]).status == "not run yet"


def test_rows_without_runs_say_why():
    assert compare(BASE, []).status == "not run yet"
    assert compare(BASE, [], here=False).status == "data not available here"
    row = compare("minaee2019:II:DeepExpr", [])
    assert row.status == "protocol not comparable" and "another group's method" in row.why
    assert row.cells()["ours"] == row.cells()["runs"].strip("0") == ""


def test_metrics_are_those_of_the_confusion_matrix():
    record = {"confusion": [[6, 2], [3, 9]], "classes": ["happy", "sad"]}

    def value(metric, row, unit=""):
        claim = Claim("p", "1", row, "fer2013", "", metric, 0.5, unit=unit)
        return scores.measured(claim, record)

    def measurable(metric, row):
        claim = Claim("p", "1", row, "fer2013", "", metric, 0.5)
        return scores.measurable(claim, record)

    assert value("accuracy", "any", "%") == pytest.approx(75)
    assert value("precision", "happy") == pytest.approx(6 / 9)
    assert value("recall", "sad, recall") == pytest.approx(9 / 12)
    assert value("f1", "happy") == pytest.approx(12 / 17)
    assert value("recall", "macro avg, recall") == pytest.approx((6 / 8 + 9 / 12) / 2)
    weighted = (8 * 6 / 9 + 12 * 9 / 11) / 20
    assert value("precision", "weighted avg, precision") == pytest.approx(weighted)
    assert not measurable("precision", "class 3, precision")
    assert value("recall", "class 1, recall") == pytest.approx(9 / 12)
    assert not measurable("frames per second", "happy")
    assert measurable("f1", "happy") and measurable("accuracy", "any")


def test_every_claim_has_a_row():
    rows = comparison.table([], lambda name: False)
    assert [row.claim for row in rows] == list(papers.CLAIMS)
    assert {row.status for row in rows} == {"data not available here", "protocol not comparable"}


# Records


def test_summaries_are_small_and_a_short_run_does_not_replace_a_long_one(tmp_path):
    row = {"epoch": 1, "train_loss": 1.23456789}
    record = {**record_of(BASE, 2522), "curve": [row, row]}
    path = records.publish(record, tmp_path)
    (found,) = records.published(tmp_path)
    assert found.pop("file") == path.name
    assert found["curve"] == {"epoch": [1, 1], "train_loss": [1.2346, 1.2346]}
    assert found["accuracy"]["value"] == pytest.approx(2522 / 3137, abs=1e-6)
    assert {**found, "curve": 0, "accuracy": 0} == {**record, "curve": 0, "accuracy": 0}
    with pytest.raises(FerError, match="does not replace it"):
        records.publish(record_of(BASE, 3000, epochs=3), tmp_path)
    assert len(records.publish(record_of(BASE, 3000), tmp_path).read_text()) < 3000 + 2 * 3137
    assert records.read(path)["accuracy"]["correct"] == 3000


@pytest.mark.parametrize("text", ["", "[]", '{"claim": "x"}'])
def test_what_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.json").write_text(text)
    with pytest.raises(FerError, match="a.json is no record"):
        records.published(tmp_path)


def test_a_result_in_one_line():
    record = {**record_of(BASE, 2522), "seconds": 61.4, "epochs_done": 100}
    assert "accuracy 0.804 (2522 of 3137" in command.in_words(record)


# The kit's own table


def test_every_number_of_the_kits_table_comes_from_a_run_beside_it():
    runs = reproduce.published(FIGURES)
    for run in runs:
        counts, known = np.array(run["confusion"]), run["accuracy"]
        assert (counts.trace(), counts.sum()) == (known["correct"], known["n"])
        for reading in (run, *run.get("other_epochs", {}).values()) if "answers" in run else ():
            matrix = np.zeros_like(counts)
            np.add.at(matrix, comparison.answers(run, reading), 1)
            assert matrix.tolist() == reading["confusion"]
    path = FIGURES / "claims.csv"
    assert path.exists() or not runs, "runs without a table: reproduce --table"
    if path.exists():
        there = list(rows_of(path).values())
        absent = {row["dataset"] for row in there if row["status"] == "data not available here"}
        again = comparison.table(runs, lambda name: name not in absent)
        assert there == [row.cells() for row in again]
