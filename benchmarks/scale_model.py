"""What a node sends in an hour, on paper, to a million nodes: ``python benchmarks/scale_model.py``.

Prints the table of docs/scale.md, where each constant is explained. Bounds come from the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from golemnet.daemon.market.book_digest import BUCKET_DIGEST_BYTES, BUCKETS
from golemnet.daemon.market.offer_book import MAX_OFFERS
from golemnet.daemon.market.offer_fetch import MAX_REPLACED_A_SECOND
from golemnet.daemon.market.spread import COMPARE_EVERY_S
from golemnet.net.meeting import WANTED_NEIGHBOURS
from golemnet.net.record_exchange import MAX_PASSED_ON_A_SECOND, RENEW_EVERY_S
from golemnet.net.records import MAX_RECORDS

HOUR_S = 3600
SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
# Measured by benchmarks/scale.py: frames that each node sends for each offer of 2 KB, and each new record.
OFFER_MESSAGES, OFFER_BYTES = 14.2, 3400
RECORD_MESSAGES, RECORD_BYTES = 11.0, 2590
# Measured on an idle session of the real network, on loopback, with headers of UDP and IP.
SESSION_DATAGRAMS, SESSION_BYTES = 5040, 1_060_000
# An equal book is found to be equal by so much; an id in a list takes so much.
COMPARE_BYTES, ID_BYTES = 150, 99
# An offer is under way for about so long.
SPREAD_S = 1.0


class Sent(NamedTuple):
    """Of a node, in an hour."""

    messages: float
    size: float


def sessions(nodes: int) -> Sent:
    """Keeping the sessions alive."""
    neighbours = min(2 * WANTED_NEIGHBOURS, nodes - 1)
    return Sent(neighbours * SESSION_DATAGRAMS, neighbours * SESSION_BYTES)


def offers(nodes: int) -> Sent:
    """Each node publishes an offer an hour. A full book takes in what makes room, and a little more."""
    replaced = 2 * WANTED_NEIGHBOURS * MAX_REPLACED_A_SECOND * HOUR_S
    known = min(nodes, MAX_OFFERS + replaced)
    return Sent(known * OFFER_MESSAGES, known * OFFER_BYTES)


def records(nodes: int) -> Sent:
    """Each node renews its record every twenty minutes; so many are passed on at most."""
    known = min(nodes * HOUR_S / RENEW_EVERY_S, MAX_PASSED_ON_A_SECOND * HOUR_S)
    return Sent(known * RECORD_MESSAGES, known * RECORD_BYTES)


def comparing(nodes: int) -> Sent:
    """Books compared, which differ in what is under way at that moment; the parts with those are listed.

    A node whose book is full does not ask for a list.
    """
    known = min(nodes, MAX_OFFERS)
    differing = min(2 * known / HOUR_S * SPREAD_S, BUCKETS)
    summary = COMPARE_BYTES + BUCKETS * (BUCKET_DIGEST_BYTES + 2) * min(differing, 1)
    listed = differing * known / BUCKETS * ID_BYTES if nodes < MAX_OFFERS else 0
    times = HOUR_S / COMPARE_EVERY_S
    return Sent(times * (2 + 2 * min(differing, 1)), times * (summary + listed))


def table() -> Iterator[str]:
    """The lines of the table, in Markdown."""
    parts = (sessions, offers, records, comparing)
    heads = ["nodes", "known offers", "known records", *(part.__name__ for part in parts), "all", "messages"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for nodes in SIZES:
        sent = [part(nodes) for part in parts]
        megabytes = [each.size / 1e6 for each in sent]
        cells = [f"{min(nodes, MAX_OFFERS):,}", f"{min(nodes, MAX_RECORDS):,}"]
        cells += [f"{each:,.1f} MB" for each in (*megabytes, sum(megabytes))]
        messages = round(sum(each.messages for each in sent), -2)
        yield f"| {nodes:,} | {' | '.join(cells)} | {messages:,.0f} |"


if __name__ == "__main__":
    print("\n".join(table()))
