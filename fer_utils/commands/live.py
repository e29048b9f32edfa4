"""`python -m fer_utils live`: faces and expressions in a film, or before the camera."""

import argparse
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_utils.commands import file_name
from fer_utils.commands.look import add_detector, chosen_detector
from fer_utils.errors import FerError
from fer_utils.ranges import COUNT, THREADS, Range

if TYPE_CHECKING:
    from fer_utils.detect.film import Frame, Writer
    from fer_utils.detect.live import Live
    from fer_utils.detect.table import Table
    from fer_utils.detect.track import Face

TAU = Range(0, 3600, why="seconds; 0 smooths nothing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--source",
        help="number of a camera, a film, or drawn: people that the kit draws (default: camera 0, "
        "or drawn where there is none)",
    )
    parser.add_argument("--model", default="mini_xception_facs3d", help="pretrained name, or file")
    add_detector(parser)
    parser.add_argument(
        "--smoothing", type=TAU, default=0.2, help="time constant of the average, in seconds"
    )
    parser.add_argument(
        "--out",
        type=file_name,
        help="film to write: .mp4 to play, .avi exact; one that is there stays until the new one "
        "is whole",
    )
    parser.add_argument("--csv", type=file_name, help="table to write: a row per face and frame")
    parser.add_argument(
        "--show", action=argparse.BooleanOptionalAction, help="a window (default: for a camera)"
    )
    parser.add_argument("--frames", type=COUNT, help="stop after so many")
    parser.add_argument("--threads", type=THREADS, help="CPU threads (default: torch's own)")


def run(args: argparse.Namespace) -> int:
    """Read the frames, and write what is asked for."""
    import torch

    from fer_utils import models
    from fer_utils.detect import film
    from fer_utils.detect.drawn_film import DrawnFilm
    from fer_utils.detect.live import Live
    from fer_utils.detect.table import Table
    from fer_utils.files import check_apart, check_writable

    check_apart((args.out, args.csv), [Path(args.source)] if args.source else [])
    if args.out:
        film.check_film(args.out)
    if args.csv:
        check_writable(args.csv)
    if args.threads:
        import cv2

        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    source = film.opened(args.source)
    show = window_there() if args.show is None and source.live else bool(args.show)
    if show and not window_there():
        raise FerError("there is no screen for a window here: give --out FILM, --csv FILE or both.")
    find = chosen_detector(args)
    way = find.name if find.name == "haar" else find  # "haar" is searched in a film's own way
    live = Live(models.load(args.model), way, smoothing=args.smoothing)
    print(f"{source.name}: {source.size[0]} x {source.size[1]}, {source.rate:g} frames per second")
    print(f"{args.model} by {live.answers.engine}, {args.detector}")
    if isinstance(source, DrawnFilm):
        source.warm_up()
    said = Counter[str]()
    with ExitStack() as ending:
        ending.enter_context(ended_politely())
        ending.callback(source.close)
        table = writer = None
        finished = False
        if args.csv:
            table = Table(args.csv, live.classes, work(args, source), source.name == "drawn")
            if table.done:
                print(f"going on after frame {max(table.done)} of {args.csv}")
        if args.out:
            writer = made = film.Writer(args.out, source.size, source.rate)
            if writer.size != source.size:
                sides = "{} x {}".format(*writer.size)
                print(f"{args.out}: {sides}, for films have even sides; the last pixels come twice")
            ending.callback(lambda: print(end=film_left(made, finished)))
        try:
            for frame, faces in answered(source, live, table, args.frames):
                said.update(live.classes[int(face.smoothed.argmax())] for face in faces)
                picture = drawn(live, frame, faces) if show or writer else None
                if picture is not None and writer:
                    # a camera's frames come as they are answered: the film keeps their time
                    due = round(frame.time * source.rate) + 1 - writer.frames
                    with live.timed("write"):
                        for _ in range(due if source.live else 1):
                            writer.write(picture)
                if picture is not None and show and not shown(picture):
                    finished = source.live
                    break
            else:
                finished = True
        except KeyboardInterrupt:
            if not source.live:
                raise
            finished = True
        finally:
            if table:
                table.close(finished or source.live)
            if live.frames:
                print(answers_in_words(said))
                print(live.report())
    if args.csv:
        print(f"wrote {args.csv}")
    return 0


def film_left(writer: "Writer", finished: bool) -> str:
    """Close a film, and return in words what there is of it now: nothing, of one without frames."""
    place, frames = writer.close(finished), writer.frames
    if place is None:
        return ""
    if finished:
        return f"wrote {place}\n"
    if place == writer.path:
        return f"{place} has {frames} frames: it ends where it was interrupted\n"
    return f"{writer.path} is as it was; {place.name} beside it has {frames} frames of this time\n"


def answers_in_words(said: "Counter[str]") -> str:
    """Return how often each answer was given, all faces and frames together."""
    if not said:
        return "no face was found"
    total = said.total()
    shares = (f"{name} {100 * count / total:.0f} %" for name, count in said.most_common())
    return f"of {total} faces in all frames: {', '.join(shares)}"


@contextmanager
def ended_politely() -> Iterator[None]:
    """Let a program that is ended (SIGTERM) close its files as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # signals are not its business
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def work(args: argparse.Namespace, source: Any) -> dict[str, Any]:
    """Return what decides the rows of a table."""
    from fer_utils import models
    from fer_utils.detect import drawn_film

    given = {name: getattr(args, name) for name in ("detector", "smoothing", "frames")}
    given["detector_file"] = args.detector_file and str(args.detector_file)
    film = Path(source.name)
    stat = film.stat() if film.is_file() else None
    what = [source.name, drawn_film.SECONDS] if stat is None else [stat.st_size, stat.st_mtime_ns]
    return {**given, "model": models.card(args.model)["sha256"], "source": what}


def answered(
    source: Any, live: "Live", table: "Table | None", most: int | None
) -> "Iterator[tuple[Frame, list[Face]]]":
    """Go through a film; frames that a table has already are taken from it."""
    from fer_utils._progress import tqdm

    frames = iter(source)
    count = source.count if most is None else min(most, source.count or most)
    done = max(table.done, default=-1) if table else -1
    with tqdm(total=count or None, unit="frame", file=sys.stderr) as bar:
        while most is None or bar.n < most:
            with live.timed("decode"):
                frame = next(frames, None)
            if frame is None:
                break
            if table and frame.number <= done:
                time, faces = table.done.get(frame.number, (frame.time, []))
                live.remember(faces, time, frame.number)
            else:
                faces = live(frame.picture, frame.time)
                if table:
                    table.add(frame, faces)
            yield frame, faces
            bar.update()
    if most is None and source.count and frame is None and bar.n < source.count:
        print(f"{source.name} says {source.count} frames; {bar.n} can be read: it is cut off.")


def drawn(live: "Live", frame: "Frame", faces: "list[Face]") -> Any:
    """Return a frame with boxes and words."""
    from fer_utils.detect.live import draw

    with live.timed("draw"):
        picture = frame.picture.copy()
        draw(picture, faces, live.classes)
    return picture


def window_there() -> bool:
    """Whether this OpenCV opens windows, and there is a screen for them."""
    import cv2

    gui = next((row for row in cv2.getBuildInformation().splitlines() if "GUI:" in row), "NONE")
    if "NONE" in gui:
        return False
    screen = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return screen or sys.platform in ("win32", "darwin")


def shown(picture: Any) -> bool:
    """Show a frame; False once `q` was typed or the window closed."""
    import cv2

    name = "fer_utils live (q ends)"
    cv2.imshow(name, picture[..., ::-1])
    with suppress(cv2.error):
        if cv2.waitKey(1) & 0xFF == ord("q") or cv2.getWindowProperty(name, 4) < 1:
            cv2.destroyAllWindows()
            return False
    return True
