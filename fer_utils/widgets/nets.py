"""Networks to choose from by name; one that comes with the kit is read when it is first chosen."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from fer_utils._arguments import choice
from fer_utils.errors import FerError
from fer_utils.models import pretrained, pretrained_names
from fer_utils.models.answers import check_net

Models = Mapping[str, nn.Module] | Sequence[str] | None


class Nets(Mapping[str, nn.Module]):
    """Name -> network."""

    def __init__(self, models: Models):
        """Take nets by the name to show; or names of pretrained ones; None takes all of those.

        Raises:
            FerError: there are none, or what is none.
        """
        names: Any = pretrained_names() if models is None else models
        if isinstance(names, str):
            names = [names]
        elif isinstance(names, nn.Module):
            own = getattr(names, "name", None)  # of a net of the kit, its architecture
            names = {own if own and isinstance(own, str) else type(names).__name__: names}
        if not isinstance(names, Mapping | Sequence) or not len(names):
            raise FerError("there are no models to explore: give some, models={name: net}.")
        self._nets = dict(names) if isinstance(names, Mapping) else dict.fromkeys(map(str, names))
        for name, net in self._nets.items():
            if net is None:
                choice("models", name, pretrained_names())
            else:
                check_net(net)

    def __getitem__(self, name: str) -> nn.Module:
        """Return a net; a pretrained one is read the first time."""
        net = self._nets[name]
        if net is None:
            net = self._nets[name] = pretrained(name)
        return net

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._nets)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._nets)
