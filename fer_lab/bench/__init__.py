"""`python -m fer_utils bench`: measure speed, ours and the peer's side by side."""

import argparse

from fer_lab.bench import architectures, cyclegan, live, occlusion, startup, training

__all__ = ["add_arguments", "run"]

BENCHES = {
    "occlusion": (occlusion, "occlusion maps, beside captum's"),
    "training": (training, "training, beside a plain loop"),
    "architectures": (architectures, "all networks: training, answering, first epoch, memory"),
    "cyclegan": (cyclegan, "a CycleGAN's training steps, beside the public one's loop"),
    "live": (live, "frames of a film, beside the papers' pipeline"),
    "startup": (startup, "whole programs until they end, beside `import torch`"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_subparsers(dest="what", required=True, metavar=" | ".join(BENCHES))
    for name, (module, purpose) in BENCHES.items():
        sub = what.add_parser(name, help=purpose, description=purpose)
        module.add_arguments(sub)
        sub.set_defaults(measure=module.run, parser=sub)


def run(args: argparse.Namespace) -> int:
    """Measure what is asked for."""
    return args.measure(args)


def __dir__() -> list[str]:
    return list(__all__)
