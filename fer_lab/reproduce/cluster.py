"""Jobs on several machines, through Dask: one job at a time on every worker.

On the machines, with this kit installed and a folder that all of them see:

    dask scheduler
    CUDA_VISIBLE_DEVICES=0 dask worker ADDRESS --nthreads 1 --resources GPU=1

one worker for each GPU. Where workers name the resource GPU, jobs go to those alone. Where a
worker dies, its job begins again elsewhere, at the last epoch that reached the shared folder.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from fer_lab.reproduce.jobs import Job
from fer_lab.reproduce.runs import SITTING, Sitting, run
from fer_utils.errors import FerError

if TYPE_CHECKING:  # Dask is an extra
    from distributed import Client, Future

_SECONDS_TO_CONNECT = 30


def on_cluster(jobs: Sequence[Job], address: str) -> Iterator[tuple[Job, dict | FerError]]:
    """Do jobs on a Dask cluster; yield each with its record, or why it failed, as they end.

    Interrupted, or closed early, it withdraws what has not begun, and what has begun stops at
    the end of its epoch.

    Raises:
        FerError: Dask is not installed, or no scheduler answers at the address.
    """
    client = connect(address)
    futures = {}
    try:
        from distributed import as_completed

        resources = {"GPU": 1} if has_gpus(client) else None
        for job in jobs:
            future = client.submit(run, job, progress=False, key=key(job), resources=resources)
            futures[future] = job
        for future in as_completed(list(futures)):
            error = future.exception()
            job = futures.pop(future)
            yield job, as_error(job, error) if error else future.result()
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


def key(job: Job) -> str:
    """Return a name for a job on the cluster, another one each time it is sent."""
    return f"{job.folder.parent.name}-seed{job.seed}-{uuid.uuid4().hex}"


def as_error(job: Job, error: BaseException) -> FerError:
    """Return what happened to a job as an error meant for readers."""
    if isinstance(error, FerError):
        return error
    return FerError(f"{job.name}: {type(error).__name__}: {error}")


def withdraw(client: "Client", futures: dict["Future", Job]) -> None:
    """Take back jobs that are not done; those at work notice at the end of their epoch."""
    if not futures:
        return
    client.cancel(list(futures))
    for job in futures.values():
        with suppress(OSError):
            if (job.folder / SITTING).is_file():
                Sitting(job.folder)
