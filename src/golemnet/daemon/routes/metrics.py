"""What Prometheus reads of a node: its sessions, and messages and bytes by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from aiohttp import web

from golemnet.daemon.version import own_version
from golemnet.net.network import Network

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATHS = ("/metrics", "/metrics-api/v1/expose")

Sample = tuple[Mapping[str, str], float]


def routes(network: Network) -> list[web.RouteDef]:
    """The routes of this resource: the usual place, and that of yagna."""

    async def expose(request: web.Request) -> web.Response:
        return web.Response(body=render(network).encode(), headers={"Content-Type": CONTENT_TYPE})

    return [web.get(path, expose) for path in PATHS]


def render(network: Network) -> str:
    """All metrics in Prometheus' text format."""
    links = network.links()
    by_path = Counter("relayed" if link.is_relayed else "direct" for link in links)
    sessions = [({"path": path}, by_path[path]) for path in ("direct", "relayed")]
    newest = {link.node: link.round_trip_ms for link in links}
    times = [({"node": node}, time / 1000) for node, time in newest.items() if time is not None]
    families = [
        _family("golemnet_info", "gauge", "The version that runs.", [({"version": own_version()}, 1)]),
        _family("golemnet_sessions", "gauge", "Open sessions with other nodes.", sessions),
        _family("golemnet_round_trip_seconds", "gauge", "Time to a node and back.", times),
        _family(
            "golemnet_messages_total", "counter", "Messages between nodes.", _counts(network, "messages")
        ),
        _family("golemnet_bytes_total", "counter", "Bytes between nodes.", _counts(network, "bytes")),
    ]
    return "".join(families)


def _counts(network: Network, what: str) -> list[Sample]:
    directions = {"sent": network.traffic.sent, "received": network.traffic.received}
    return [
        ({"direction": direction, "kind": kind}, getattr(count, what))
        for direction, counts in directions.items()
        for kind, count in sorted(counts.items())
    ]


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        written = ",".join(f'{label}="{_escaped(each)}"' for label, each in labels.items())
        lines.append(f"{name}{{{written}}} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
