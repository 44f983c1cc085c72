"""Services that are suspended: their Golem pays for them and watches them, until they are resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from golemnet.errors import GolemError
from golemnet.requestor.published.cluster import Cluster
from golemnet.requestor.published.service_state import ServiceState
from golemnet.sdk.instances import Instance, Left


class Shelf:
    """What one Golem has suspended. Each cluster on it goes on as before, but for its processes."""

    def __init__(self) -> None:
        self._clusters: list[Cluster[Instance]] = []

    def put(self, cluster: Cluster[Instance]) -> None:
        """Keep what is suspended."""
        self._clusters.append(cluster)

    async def take(self, left: Sequence[Left]) -> set[str]:
        """Let go of instances that somebody goes on with; the ids of activities that have ended meanwhile.

        Raises:
            GolemError: others were suspended together with them.
        """
        wanted, ended = {each.activity_id for each in left}, set[str]()
        for cluster in [each for each in self._clusters if wanted & set(_activities(each))]:
            here = _activities(cluster)
            lost = {each for each, instance in here.items() if instance.state is ServiceState.terminated}
            if here.keys() - lost - wanted:
                raise GolemError(
                    "Only some of the instances that were suspended together are to be resumed.",
                    next_step="Resume all of them; `instances` says how many shall go on.",
                )
            self._clusters.remove(cluster)
            ended |= lost
            await _leave(cluster)
        return ended

    async def close(self, error: BaseException | None) -> None:
        """Leave everything alone for another program; after an ``error``, end it, and pay."""
        clusters, self._clusters = self._clusters, []
        if error is None:
            await asyncio.gather(*(_leave(each) for each in clusters))
        else:
            await asyncio.gather(*(each.__aexit__(None, error, None) for each in clusters))


def _activities(cluster: Cluster[Instance]) -> dict[str, Instance]:
    return {each.activity_id: each for each in cluster.instances if each.activity_id is not None}


async def _leave(cluster: Cluster[Instance]) -> None:
    cluster.suspend()
    await cluster.__aexit__(None, None, None)
