"""Command line: python -m faces3d --bench."""

import argparse
import time

from faces3d import action_units, drawing, identity


def bench(size: int, faces: int = 150) -> tuple[float, float]:
    """Faces per second on one core: by processor time, and by the clock on the wall.

    The two differ where other programs share the core. Making up the people is not counted.
    """
    expressions = list(action_units.PROTOTYPES)
    for number in range(16):
        drawing.draw("happy", number, size=size)
    wall, processor = time.perf_counter(), time.process_time()
    for k in range(faces):
        drawing.draw(expressions[k % 8], k % 16, size=size, yaw=k % 30 - 15)
    return faces / (time.process_time() - processor), faces / (time.perf_counter() - wall)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m faces3d", description=__doc__)
    parser.add_argument("--bench", action="store_true", help="measure faces per second")
    args = parser.parse_args()
    if args.bench:
        for size in (48, 64, 192):
            processor, wall = bench(size)
            print(
                f"{size}x{size}: {processor:.0f} faces per second of one core ({wall:.0f} by wall)"
            )
        start = time.process_time()
        for number in range(10_000, 10_020):
            identity.person(number)
        print(f"a new person: {(time.process_time() - start) / 20 * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
