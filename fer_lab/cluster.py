"""Many runs, one after the other here, or on several machines through Dask.

On the machines, with this kit installed and a folder that all of them see:

    dask scheduler
    CUDA_VISIBLE_DEVICES=0 dask worker ADDRESS --nthreads 1 --resources GPU=1

one worker for each GPU: it does one run at a time. Where workers name the resource GPU, runs go to
those alone. Where a worker dies, its run begins again elsewhere, at the last epoch that reached the
shared folder.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from fer_lab.run import SITTING, Run, RunLock, do
from fer_utils.errors import FerError
from fer_utils.locks import InUseError

if TYPE_CHECKING:  # Dask is an extra
    from distributed import Client, Future

_SECONDS_TO_CONNECT = 30


def outcomes(
    runs: Sequence[Run], address: str | None = None
) -> Iterator[tuple[Run, dict | FerError]]:
    """Do runs here, or on a cluster; yield each with its record, or why it failed, as they end.

    One that another program is at is asked for again when all others are done: by then it may be.
    """
    if address:
        yield from on_cluster(runs, address)
        return
    waiting = [(run, True) for run in runs]
    while waiting:
        run, may_wait = waiting.pop(0)
        outcome: dict | FerError
        try:
            outcome = do(run)
        except InUseError as problem:
            if may_wait and waiting:
                waiting.append((run, False))
                continue
            outcome = problem
        except FerError as problem:
            outcome = problem
        yield run, outcome


def on_cluster(runs: Sequence[Run], address: str) -> Iterator[tuple[Run, dict | FerError]]:
    """Do runs on a Dask cluster; yield each with its record, or why it failed, as they end.

    Interrupted, or closed early, it withdraws what has not begun, and what has begun stops at
    the end of its epoch.

    Raises:
        FerError: Dask is not installed, or no scheduler answers at the address.
    """
    client = connect(address)
    futures: dict[Future, Run] = {}
    try:
        from distributed import as_completed

        resources = {"GPU": 1} if has_gpus(client) else None
        for run in runs:
            name = key(run)  # a worker may go on where another was sent under the same name
            future = client.submit(do, run, False, name, key=name, resources=resources)
            futures[future] = run
        for future in as_completed(list(futures)):
            error = future.exception()
            run = futures.pop(future)
            yield run, as_error(run, error) if error else future.result()
    finally:
        withdraw(client, futures)
        client.close()


def connect(address: str) -> "Client":
    """Return a Dask client; this is the only place where Dask is needed."""
    try:
        from distributed import Client
    except ImportError:
        raise FerError(
            'a cluster needs Dask, which is not installed: pip install "fer_utils[cluster]", in '
            'the folder of this kit: pip install -c constraints.txt -e ".[cluster]". Without '
            "--scheduler the runs are done here, one after the other."
        ) from None
    try:
        return Client(address, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise FerError(
            f"no Dask scheduler answers at {address} ({error}). Start one with: dask scheduler"
        ) from None


def has_gpus(client: "Client") -> bool:
    """Whether any worker names the resource GPU."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return any("GPU" in worker["resources"] for worker in workers)


def key(run: Run) -> str:
    """Return a name for a run on the cluster, another one each time it is sent."""
    return f"{run.folder.parent.name}-{run.folder.name}-{uuid.uuid4().hex}"


def as_error(run: Run, error: BaseException) -> FerError:
    """Return what happened to a run as an error meant for readers."""
    if isinstance(error, FerError):
        return error
    return FerError(f"{run.name}: {type(error).__name__}: {error}")


def withdraw(client: "Client", futures: dict["Future", Run]) -> None:
    """Take back runs that are not done; those at work notice at the end of their epoch."""
    if not futures:
        return
    client.cancel(list(futures))
    for run in futures.values():
        with suppress(OSError, FerError):
            if (run.folder / SITTING).is_file():
                RunLock(run.folder)
