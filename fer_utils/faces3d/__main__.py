"""Command line: python -m fer_utils.faces3d --bench | --figures DIR."""

import argparse
import time
from pathlib import Path

from fer_utils.faces3d import action_units, drawing, identity


def bench(size: int, seconds: float) -> float:
    """Faces per second drawn on one core, everything but sampling the person included."""
    expressions = list(action_units.PROTOTYPES)
    people = range(16)
    for number in people:
        drawing.draw("happy", number, size=size)
    drawn, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        expression = expressions[drawn % len(expressions)]
        drawing.draw(expression, drawn % len(people), size=size, yaw=drawn % 30 - 15)
        drawn += 1
    return drawn / (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fer_utils.faces3d", description=__doc__)
    parser.add_argument("--bench", action="store_true", help="measure faces per second")
    parser.add_argument("--figures", type=Path, help="draw the contact sheets into this folder")
    args = parser.parse_args()
    if args.figures:
        from fer_utils.faces3d import figures

        for path in figures.draw_all(args.figures):
            print(path)
    if args.bench:
        for size in (48, 64, 192):
            print(f"{size}x{size}: {bench(size, 4.0):.0f} faces per second on one core")
        start = time.perf_counter()
        for number in range(10_000, 10_020):
            identity.person(number)
        print(f"a new person: {(time.perf_counter() - start) / 20 * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
