"""How quickly networks answer: what decides whether a map is shown coarsely at first."""

from collections.abc import Iterator, Sequence
from time import monotonic

from fer_utils.saliency._engines import Progress
from fer_utils.saliency.windows import Windows
from fer_utils.widgets.views import ExplorerState, View, explore, refined

SOON = 0.1  # seconds within which a map follows the hand


class Pace:
    """Makes maps, and takes down how long they took.

    Attributes:
        seconds: for the last whole map of a net, by the name of the net; where it came in steps,
            by the pace of those after the first.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._square: dict[str, float] = {}
        self._compiled: set[str] = set()

    def soon(self, name: str, state: ExplorerState) -> bool:
        """Say whether a map will be there soon, going by the last one of the net.

        Of a net whose loops are compiled, coarser maps would take about as long as the whole one.
        """
        if name in self._compiled:
            return True
        return self._square.get(name, float("inf")) * _positions(state) < SOON

    def views(self, name: str, state: ExplorerState, progress: Progress) -> Iterator[View]:
        """Yield one view, or coarser ones before it where the net takes its time.

        Raises:
            FerError, Cancelled: as `views.explore`.
        """
        views = _once(state, progress) if self.soon(name, state) else refined(state, progress)
        took, coarsest = [], None
        while True:
            began = monotonic()
            view = next(views, None)
            took.append(monotonic() - began)
            if view is None:
                break
            coarsest = coarsest or view
            (self._compiled.add if view.omap.engine == "fused" else self._compiled.discard)(name)
            yield view
        total = _positions(state)
        first = len(coarsest.omap.windows) if coarsest else 0
        # the first one may compile or read the net: of several, the others tell the pace
        square = sum(took[1:]) / (total - first) if total > first else sum(took) / total
        self.seconds[name], self._square[name] = square * total, square


def in_turn(parts: Sequence[Iterator[View]]) -> Iterator[tuple[int, View]]:
    """Yield from each in turn, with its number, until all have ended: coarse ones come first."""
    left = dict(enumerate(parts))
    while left:
        for number in list(left):
            view = next(left[number], None)
            if view is None:
                del left[number]
            else:
                yield number, view


def _once(state: ExplorerState, progress: Progress) -> Iterator[View]:
    yield explore(state, progress)


def _positions(state: ExplorerState) -> int:
    size = (int(state.image.shape[-2]), int(state.image.shape[-1]))
    return len(Windows(size, (state.window,) * 2, (state.stride,) * 2))
