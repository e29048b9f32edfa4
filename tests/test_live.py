"""Films and live: drawn films and their truth, who is who, smoothing, the table; what fails."""

import shutil
import signal
import sys
from collections import namedtuple
from dataclasses import replace
from threading import Thread

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fer_lab.bench import live as bench
from fer_utils import models
from fer_utils.__main__ import main
from fer_utils.commands import live as command
from fer_utils.detect import answers, delay, drawn_film, film, live, table, track
from fer_utils.detect.boxes import Box, overlap
from fer_utils.detect.drawn_film import DrawnFilm, found
from fer_utils.detect.track import Tracks
from fer_utils.errors import FerError

NET = models.load("mini_xception_facs3d")
SIZE = (320, 240)
SHORT = 2.4  # seconds: two people come in
COUNT = 29  # frames, 12 per second


@pytest.fixture(autouse=True)
def without_cache(tmp_path, monkeypatch):
    """torch answers: to export takes seconds; one test below has onnxruntime do it."""
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(drawn_film, "SECONDS", SHORT)
    monkeypatch.setattr(DrawnFilm.__init__, "__defaults__", (None, SIZE, 12.0, 2, 0))


def said_by(capsys):
    """Lines on stderr, without the bar."""
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.strip() and "[00:" not in line]


def faces_of(frames, smoothing):
    reader = live.Live(NET, smoothing=smoothing)
    return reader, [reader(frame.picture, frame.time) for frame in frames]


def test_drawn_film_shows_what_it_says():
    made = DrawnFilm()
    frames = list(made)
    assert len(frames) == made.count == COUNT and frames[-1].time == 28 / 12
    assert all(frame.picture.shape == (240, 320, 3) for frame in frames)
    assert not frames[0].shown and {one.person for one in frames[-1].shown} == {0, 1}
    assert np.array_equal(frames[15].picture, DrawnFilm().frame(15).picture)
    late = DrawnFilm(seconds=9).frame(28)  # the first person shows the first expression
    first = next(one for one in late.shown if one.person == 0)
    assert first.expression != "neutral" and first.strength == 1
    part = frames[-1].picture[first.box.y : first.box.y + 40, first.box.x : first.box.x + 40]
    assert np.abs(part.astype(int) - drawn_film._wall(*SIZE)[:40, :40]).mean() > 20


def test_faces_are_found_where_they_are_drawn_and_answered_right():
    made = DrawnFilm(seconds=3)
    frames = [made.frame(index) for index in range(24, 34)]
    _, faces = faces_of(frames, smoothing=0)
    hits = right = 0
    for frame, there in zip(frames, faces, strict=True):
        for face in there:
            one = found(face.box, frame.shown)
            hits += one is not None
            right += one is not None and NET.classes[face.smoothed.argmax()] == one.expression
    assert hits == sum(len(frame.shown) for frame in frames) == 20
    assert right >= 18


def test_numbers_stay_with_faces_and_gaps():
    tracks, two = Tracks(), np.full((2, 7), 1 / 7)
    left, right = Box(0, 0, 50, 50), Box(200, 0, 60, 60)
    assert [face.id for face in tracks.follow([left, right], two, 0.0)] == [0, 1]
    moved = [Box(205, 4, 60, 60), Box(4, 3, 50, 50)]
    assert [face.id for face in tracks.follow(moved, two, 0.1)] == [1, 0]
    assert [face.id for face in tracks.follow([moved[1]], two[:1], 0.2)] == [0]
    assert [face.id for face in tracks.follow(moved, two, 0.9)] == [1, 0]  # within its patience
    tracks.follow([], two[:0], 5.0)
    assert [face.id for face in tracks.follow(moved, two, 5.1)] == [2, 3]


@pytest.mark.parametrize("rate", [10, 50])
def test_smoothing_is_in_seconds(rate):
    """After tau a step has been followed to 63 %, at any frame rate (the stated filter)."""
    tracks, box = Tracks(smoothing=0.5), [Box(0, 0, 50, 50)]
    tracks.follow(box, np.array([[1.0, 0.0]]), 0.0)
    for number in range(1, rate // 2 + 1):
        (face,) = tracks.follow(box, np.array([[0.0, 1.0]]), number / rate)
    assert face.smoothed == pytest.approx([np.exp(-1), 1 - np.exp(-1)])
    assert face.probabilities.tolist() == [0, 1]
    assert track.smooth(np.ones(2), np.zeros(2), 0.1, 0).tolist() == [0, 0]


def test_search_near_the_last_faces_finds_them_again():
    made = DrawnFilm(seconds=3)
    search = live.Search(every=4)
    calls = []
    whole = search._whole
    search._whole = lambda picture: calls.append(search.number) or whole(picture)
    for index in range(24, 32):
        frame = made.frame(index)
        boxes = search(frame.picture)
        assert {found(box, frame.shown).person for box in boxes} == {0, 1}
    assert calls == [0, 4]
    search(np.full_like(frame.picture, 150))  # both are gone: the whole frame, at once
    assert calls == [0, 4, 8] and search.last == []


def test_onnxruntime_answers_as_torch(monkeypatch):
    monkeypatch.undo()
    made = models.create("mini_xception", seed=0, input_size=24)
    faces = np.random.default_rng(0).integers(0, 256, (3, 1, 24, 24), np.uint8)
    slow = answers.Answers(made, "torch")
    calls = []

    class Session:
        def run(self, names, given):
            calls.append(given["faces"].shape)
            with torch.no_grad():
                return [made.eval()(torch.tensor(given["faces"])).softmax(1).numpy()]

    monkeypatch.setattr(answers, "_kept", lambda net: Session())
    quick = answers.Answers(made)
    assert (slow.engine, quick.engine) == ("torch", "onnxruntime")
    assert np.abs(quick(faces) - slow(faces)).max() < 1e-6 and calls == [(3, 1, 24, 24)]
    assert slow(faces[:0]).shape == (0, 7)


def test_command_writes_a_film_that_plays_and_a_table(tmp_path, capsys):
    words = ["live", "--source", "drawn", "--out", str(tmp_path / "a.mp4")]
    assert main([*words, "--csv", str(tmp_path / "a.csv")]) == 0
    said = capsys.readouterr().out
    assert "by torch, haar" in said and "ms per frame: decode" in said
    rows = pd.read_csv(tmp_path / "a.csv")
    assert f"of {len(rows)} faces in all frames: {rows.answer.mode()[0]} " in said
    assert rows.columns.tolist()[:8] == list(table.HEAD)
    assert rows.columns.tolist()[-3:] == list(table.TRUTH)
    assert set(rows.face) == {0, 1} and rows.frame.max() == COUNT - 1
    assert np.allclose(rows[list(NET.classes)].sum(axis=1), 1, atol=1e-5)
    assert set(rows.truth) <= set(NET.classes)
    played = film.Film(str(tmp_path / "a.mp4"))
    frames = list(played)
    assert len(frames) == played.count == COUNT and played.size == SIZE and played.rate == 12
    (row,) = rows[(rows.frame == 20) & (rows.face == 0)].itertuples()
    rim = np.s_[row.y : row.y + row.height, row.x]  # the box is drawn there
    off, before = (
        np.abs(one.picture[rim].astype(int) - live.COLORS[0]).mean()
        for one in (frames[20], DrawnFilm().frame(20))
    )
    assert off < before / 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.csv", "a.mp4"]


def test_an_interrupted_film_goes_on_to_the_same_rows(tmp_path, monkeypatch, capsys):
    def words(name):
        return ["live", "--source", "drawn", "--csv", str(tmp_path / name)]

    assert main(words("whole.csv")) == 0
    read = live.Live.__call__

    def interrupted(self, picture, time):
        if self.frames == 16:
            raise KeyboardInterrupt
        return read(self, picture, time)

    monkeypatch.setattr(live.Live, "__call__", interrupted)
    assert main(words("part.csv")) == 130
    assert len(pd.read_csv(tmp_path / "part.csv")) > 4
    with (tmp_path / "part.csv").open("a") as file:
        file.write("15,1.2")  # a row that was being written
    numbers = []
    monkeypatch.setattr(
        live.Live, "__call__", lambda self, *given: numbers.append(given[1]) or read(self, *given)
    )
    assert main([*words("part.csv"), "--smoothing", "1"]) == 2
    assert "other work" in capsys.readouterr().err
    assert main([*words("part.csv"), "--out", str(tmp_path / "part.avi")]) == 0
    assert len(numbers) == COUNT - 15 and "going on after frame" in capsys.readouterr().out
    assert (tmp_path / "part.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert len(list(film.Film(tmp_path / "part.avi"))) == COUNT  # also what was read before
    assert not (tmp_path / "part.csv.unfinished").exists()


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """a.avi of 6 frames, and what can be wrong with one."""
    folder = tmp_path_factory.mktemp("films")
    writer = film.Writer(folder / "a.avi", (64, 48), 10)
    frames = np.random.default_rng(0).integers(0, 256, (6, 48, 64, 3), np.uint8)
    for frame in frames:
        writer.write(frame)
    writer.close()
    whole = (folder / "a.avi").read_bytes()
    (folder / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(999))
    writer = cv2.VideoWriter(str(folder / "none.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 9, (64, 48))
    writer.release()
    (folder / "text.mp4").write_text("no film")
    return folder, frames


def test_exact_films_come_back_bit_for_bit(films, tmp_path):
    folder, frames = films
    again = list(film.Film(folder / "a.avi"))
    assert [frame.time for frame in again] == [number / 10 for number in range(6)]
    assert np.array_equal(np.stack([frame.picture for frame in again]), frames)
    odd = frames[:, :47, :63]
    writer = film.Writer(tmp_path / "odd.avi", (63, 47), 10)
    for frame in odd:
        writer.write(frame)
    assert writer.close() == tmp_path / "odd.avi" and writer.size == (64, 48)
    again = np.stack([frame.picture for frame in film.Film(tmp_path / "odd.avi")])
    assert np.array_equal(again, np.pad(odd, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge"))


def test_times_are_those_of_the_film(tmp_path):
    """A phone's frames are not evenly spaced."""
    pictures = [Image.new("L", (64, 48), 40 * number) for number in range(4)]
    path = tmp_path / "a.gif"
    more = {"save_all": True, "append_images": pictures[1:], "duration": [100, 500, 200, 100]}
    pictures[0].save(path, **more)
    assert [frame.time for frame in film.Film(path)] == [0, 0.1, 0.6, 0.8]


def test_a_film_that_breaks_off_takes_no_others_place(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(DrawnFilm.__init__, "__defaults__", (None, (161, 121), 12.0, 1, 0))
    words = ["live", "--source", "drawn", "--out", str(tmp_path / "a.avi")]
    assert main([*words, "--frames", "3"]) == 0
    said = capsys.readouterr().out
    assert "162 x 122, for films have even sides" in said and "wrote" in said
    whole = (tmp_path / "a.avi").read_bytes()
    read = live.Live.__call__
    calls = iter(range(100))

    def interrupted(self, picture, time):
        if next(calls) in (2, 4, 6):
            raise KeyboardInterrupt
        return read(self, picture, time)

    monkeypatch.setattr(live.Live, "__call__", interrupted)
    for name in ("a.part1.avi", "a.part2.avi"):
        assert main(words) == 130
        said = capsys.readouterr().out
        assert "a.avi is as it was" in said and f"{name} beside it has" in said
    (tmp_path / "a.avi").rename(tmp_path / "b.avi")
    assert main(words) == 130
    assert "it ends where it was interrupted" in capsys.readouterr().out
    assert (tmp_path / "b.avi").read_bytes() == whole
    counts = {path.name: len(list(film.Film(path))) for path in tmp_path.glob("*.avi")}
    assert counts == {"a.avi": 1, "b.avi": 3, "a.part1.avi": 2, "a.part2.avi": 1}


def test_a_cameras_film_is_whole_when_it_is_ended(tmp_path, monkeypatch, capsys):
    """By Ctrl-C or SIGTERM; it takes as long as what it shows, however slowly that was read."""
    (tmp_path / "a.avi").write_bytes(b"an earlier film")
    monkeypatch.setattr(DrawnFilm, "live", True, raising=False)
    frame = DrawnFilm.frame
    slow = lambda self, index: replace(frame(self, index), time=3 * index / self.rate)  # noqa: E731
    monkeypatch.setattr(DrawnFilm, "frame", slow)
    read = live.Live.__call__

    def interrupted(self, picture, time):
        if self.frames == 2:
            signal.raise_signal(signal.SIGTERM)
        return read(self, picture, time)

    monkeypatch.setattr(live.Live, "__call__", interrupted)
    monkeypatch.setattr(command, "window_there", lambda: False)
    assert main(["live", "--source", "drawn", "--out", str(tmp_path / "a.avi")]) == 0
    assert "wrote" in capsys.readouterr().out
    assert len(list(film.Film(tmp_path / "a.avi"))) == 4


def test_a_cut_off_film_is_read_as_far_as_it_goes(films, tmp_path, capsys):
    folder, _ = films
    assert (
        main(["live", "--source", str(folder / "cut.avi"), "--csv", str(tmp_path / "a.csv")]) == 0
    )
    assert "says 6 frames; 2 can be read: it is cut off" in capsys.readouterr().out
    assert not len(pd.read_csv(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    "words, said",
    [
        (["--source", "{}/cut.mp4"], "cannot be read as a film"),
        (["--source", "{}/text.mp4"], "cannot be read as a film"),
        (["--source", "{}/none.avi"], "film|no frame that can be read"),
        (["--source", "{}/nothing.mp4"], "is not there"),
        (["--source", "{}"], "is a folder"),
        (["--source", "93"], "no camera 93 here"),
        (["--source", "drawn", "--out", "{}/b.gif"], "no ending.*.mp4, .avi, .mkv"),
        (["--source", "drawn", "--out", "{}/no/b.mp4"], "there is no folder"),
        (["--source", "drawn", "--detector", "eyes"], "detector='eyes' is not known"),
        (["--source", "drawn", "--detector", "yunet"], "typed: --detector-file FILE"),
        (["--source", "drawn", "--detector-file", "{}"], "is for yunet and ssd: haar takes none"),
        (["--source", "drawn", "--smoothing", "-1"], "smoothing"),
    ],
)
def test_sentences(films, words, said, capsys):
    folder, _ = films
    before = sorted(folder.iterdir())
    assert main(["live", *(word.format(folder) for word in words)]) == 2
    lines = said_by(capsys)
    assert len(lines) == 1 and pd.Series(lines).str.contains(said).all(), lines
    assert sorted(folder.iterdir()) == before


def test_no_window_without_a_screen(monkeypatch, capsys):
    monkeypatch.setattr(command, "window_there", lambda: False)
    assert main(["live", "--source", "drawn", "--show"]) == 2
    assert "no screen for a window" in capsys.readouterr().err


def test_a_window_ends_with_q(tmp_path, monkeypatch):
    pictures = []
    monkeypatch.setattr(command, "window_there", lambda: True)
    monkeypatch.setattr(
        command, "shown", lambda picture: pictures.append(picture) or len(pictures) < 3
    )
    words = ["live", "--source", "drawn", "--show", "--csv", str(tmp_path / "a.csv")]
    assert main(words) == 0
    assert len(pictures) == 3 and (tmp_path / "a.csv.unfinished").exists()  # it can be gone on with


def test_on_a_full_disk_what_was_written_stays_readable(tmp_path, monkeypatch, capsys):
    free = namedtuple("Usage", "free")
    rooms = iter([free(10**9), free(10**9), free(1000)])
    monkeypatch.setattr(film, "LOOKED", 5)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: next(rooms))
    words = ["live", "--source", "drawn", "--out", str(tmp_path / "a.mp4")]
    assert main([*words, "--csv", str(tmp_path / "a.csv")]) == 2
    said = said_by(capsys)
    assert len(said) == 1 and "full: the film ends after 10 frames" in said[0]
    assert len(list(film.Film(tmp_path / "a.mp4"))) == 10
    assert pd.read_csv(tmp_path / "a.csv").frame.max() <= 10


def test_on_a_full_disk_a_table_ends_in_whole_rows(tmp_path):
    resource = pytest.importorskip("resource")  # its limit stands for the disk's
    path, classes, picture = (
        tmp_path / "a.csv",
        ('happy, "very"', "sad"),
        np.zeros((9, 9, 3), np.uint8),
    )
    face = track.Face(0, Box(1, 2, 3, 4), np.array([0.25, 0.75]), np.array([1 / 3, 2 / 3]))
    made = table.Table(path, classes, {}, False)
    for number in range(3):
        made.add(film.Frame(number, number / 10, picture), [face, face])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
    try:
        with pytest.raises(FerError, match=r"a\.csv ends before frame 3 \(.*make room"):
            made.add(film.Frame(3, 0.3, picture), [face, face])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    made.close(False)
    rows = pd.read_csv(path)
    assert rows.frame.tolist() == [0, 0, 1, 1, 2, 2] and set(classes) < set(rows.columns)
    again = table.Table(path, classes, {}, False)
    assert [len(faces) for _, faces in again.done.values()] == [2, 2]
    again.close(True)


def test_smoothing_makes_answers_later_and_steadier():
    rows = delay.delays(NET, DrawnFilm(seconds=4.5, people=1), smoothing=(0, 0.5, 4))
    none, some, much = rows
    assert none.accuracy > 0.9 and none.delay < 0.3 and not none.missed
    assert none.delay < some.delay and much.missed > 0.5 and much.accuracy < some.accuracy
    assert much.flicker < none.flicker
    with pytest.raises(FerError, match="drawn film alone"):
        delay.delays(NET, "a.mp4")


def test_a_face_that_never_changes_has_no_delay():
    rows = delay.delays(NET, DrawnFilm(seconds=1.3, people=1), smoothing=(0,))
    assert rows[0].faces > 0 and np.isnan(rows[0].delay) and rows[0].missed == 0


def test_a_noisy_camera_is_noisy_anew_in_every_frame():
    quiet, noisy = DrawnFilm(seconds=1), DrawnFilm(seconds=1, noise=20)
    first, second = (noisy.frame(i).picture.astype(int) - quiet.frame(i).picture for i in (0, 1))
    assert 19 < first.std() < 21 and abs(first.mean()) < 0.2
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.01
    assert np.array_equal(noisy.frame(1).picture, DrawnFilm(noise=20).frame(1).picture)
    with pytest.raises(FerError, match="noise"):
        DrawnFilm(noise=-1)


def test_boxes_of_truth_are_around_the_drawn_face():
    frame = DrawnFilm(seconds=3, people=1).frame(24)
    (shown,) = frame.shown
    assert found(shown.box, frame.shown) is shown and found(Box(0, 0, 9, 9), frame.shown) is None
    wall = np.abs(frame.picture.astype(int) - drawn_film._wall(*SIZE)).sum(2) > 30
    rows, columns = np.nonzero(wall[: shown.box.y + shown.box.height])
    head = Box(columns.min(), rows.min(), np.ptp(columns), np.ptp(rows))
    assert overlap(head, shown.box) > 0.4 and head.area > shown.box.area


def test_bench_races_the_pipelines_on_one_film(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "SIZES", (SIZE,))
    monkeypatch.setattr(DrawnFilm.__init__, "__defaults__", (None, SIZE, 25.0, 1, 0))
    words = ["bench", "live", "--frames", "3", "--repeats", "1", "--threads", "1"]
    assert main([*words, "--csv", str(tmp_path / "a.csv")]) == 0
    rows = pd.read_csv(tmp_path / "a.csv", comment="#")
    assert list(rows.pipeline) == list(bench.pipelines(NET)) and rows.pipeline[0] == bench.PLAIN
    assert (rows.median_frames_per_second > 0).all() and (rows.false_per_frame == 0).all()
    assert (rows.recall > 0.6).all()
    assert (rows[["detect_ms", "answer_ms", "draw_ms"]] > 0).all(axis=None)
    assert "320 x 240, 1 threads, net on cpu" in capsys.readouterr().out


def test_plain_pipeline_answers_a_face_at_a_time():
    frame = DrawnFilm().frame(28)
    boxes = [one.box for one in frame.shown]
    plain = bench.Plain(NET, lambda picture: boxes, smoothing=0, engine="torch")
    shapes = []
    ask = plain.answers.__call__
    plain.answers = type("Asked", (), {
        "cut": plain.answers.cut,
        "__call__": lambda self, faces: shapes.append(len(faces)) or ask(faces),
    })()  # fmt: skip
    faces = plain(frame.picture, frame.time)
    together = live.Live(NET, lambda picture: boxes, smoothing=0, engine="torch")
    assert shapes == [1, 1] and len(faces) == 2
    for one, other in zip(faces, together(frame.picture, 0.0), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_what_is_there_is_not_lost(films, tmp_path, capsys):
    source, none, kept = (tmp_path / name for name in ("a.avi", "none.avi", "kept.csv"))
    for path in (source, none):
        shutil.copy(films[0] / path.name, path)
    kept.write_text("rows of before\n")
    before = {path: path.read_bytes() for path in (source, none, kept)}
    twice = tmp_path / "b.avi"
    for words in (
        ["--source", source, "--out", source],
        ["--source", source, "--csv", source],
        ["--source", source, "--out", twice, "--csv", twice],
        ["--source", none, "--csv", kept],  # it has no frame
    ):
        assert main(["live", *map(str, words)]) == 2
        assert len(said_by(capsys)) == 1
    assert {path: path.read_bytes() for path in before} == before
    assert not twice.exists() and not kept.with_name("kept.csv.unfinished").exists()


def test_two_programs_do_not_write_one_table(tmp_path):
    mine = table.Table(tmp_path / "a.csv", ("happy", "sad"), {}, False)
    said = []

    def other():
        with pytest.raises(FerError) as raised:
            table.Table(tmp_path / "a.csv", ("happy", "sad"), {}, False)
        said.append(str(raised.value))

    thread = Thread(target=other)
    thread.start()
    thread.join()
    mine.close(True)
    assert len(said) == 1
    table.Table(tmp_path / "a.csv", ("happy", "sad"), {}, False).close(True)
