"""A group of Dask workers that run one function together."""

import time
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from distributed import wait
from distributed.comm.core import CommClosedError
from distributed.protocol import pickle

from infra.engines.base import Blocks
from infra.engines.blocks import Span
from infra.engines.collective import Meeting, PeerLostError, join, rendezvous
from infra.engines.dask_cluster import DaskCluster

SETTLE_S = 5.0  # until the scheduler has noticed that a worker is gone, and members that their group is
WATCH_S = 1.0  # between two looks at a group that has not met yet


def run_together(cluster: DaskCluster, work: bytes, blocks: Blocks) -> list[Any]:
    """Run a group once.

    Parameters
    ----------
    cluster : DaskCluster
        The cluster whose workers are the members.
    work : bytes
        The pickled pair `(function, state)`; each member calls `function(span, communicator, *state)`.
    blocks : Blocks
        Rows on the workers, one span for each member.

    Returns
    -------
    list
        Results of the function, in the order of the ranks.

    Raises
    ------
    Exception
        One of `WORKER_LOST` if the group lost a member; else what the function raised.
    """
    places = _places(cluster, blocks)
    futures: list[Any] = []
    try:
        with rendezvous(len(blocks.spans), cluster.host()) as meeting:
            futures = [
                # each member on a worker of its own: two members on one worker would wait for each other
                cluster.submit(_join_span, span, data, work, meeting, blocks.spans, on=place)
                for span, data, place in zip(blocks.spans, blocks.residents, places, strict=True)
            ]
            _watch(cluster, futures, places)
            return list(cluster.client.gather(futures, direct=cluster.direct))
    except Exception as error:
        cause = _cause(cluster, futures, error)
        lost = isinstance(cause, PeerLostError) and _gone(cluster, places)
        cluster.client.cancel(futures, force=True)
        if lost:
            raise CommClosedError(str(cause)) from cause
        raise cause from None


def _watch(cluster: DaskCluster, futures: list[Any], places: list[str]) -> None:
    """Wait for a group; its members would wait in vain for a member whose worker is lost before they meet."""
    with cluster.client.as_current():
        while True:
            try:
                wait(futures, timeout=WATCH_S)
            except TimeoutError:
                if any(future.status == "error" for future in futures):
                    return  # the other members end by themselves
                if not set(places) <= cluster.present():
                    raise CommClosedError("a worker of the group is gone") from None
            else:
                return


def _places(cluster: DaskCluster, blocks: Blocks) -> list[str]:
    """Return a worker of its own for each span: the worker that holds the span, where that is possible."""
    with cluster.client.as_current():
        wait(blocks.residents)
    holders = cluster.client.who_has(blocks.residents)
    free = cluster.addresses(len(blocks.spans))
    places = []
    for data in blocks.residents:
        place = next((address for address in free if address in holders.get(data.key, ())), free[0])
        free.remove(place)
        places.append(place)
    return places


def _cause(cluster: DaskCluster, futures: list[Any], error: Exception) -> Exception:
    """Return the error that broke a group: a member's own exception rather than its peers' lost connections."""
    with cluster.client.as_current(), suppress(TimeoutError, CancelledError):
        wait(futures, timeout=SETTLE_S)  # the member on a lost worker never ends
    raised = [future.exception() for future in futures if future.status == "error"]
    return next((e for e in raised if not isinstance(e, PeerLostError)), error)


def _gone(cluster: DaskCluster, places: list[str]) -> bool:
    """Tell whether a worker is lost, which its peers may notice before the scheduler does."""
    until = time.monotonic() + SETTLE_S
    while set(places) <= cluster.present():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def _join_span(
    span: Span,
    blocks: list[Any],
    work: bytes,
    meeting: Meeting | None,
    spans: tuple[Span, ...],
) -> Any:
    function, state = pickle.loads(work)
    return join(
        meeting, spans.index(span), len(spans), lambda communicator: function(blocks, communicator, *state)
    )
