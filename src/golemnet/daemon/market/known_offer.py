"""An offer as this node keeps it: as its signed document, of which only what is asked for is read.

A parsed offer takes three times the memory of its document. A demand asks for a few properties by name, and
reading those alone out of a document takes a microsecond or two.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from golemnet.model.constraints import Constraint
from golemnet.model.documents import Signed
from golemnet.model.offer import Offer
from golemnet.model.properties import Value


class KnownOffer(msgspec.Struct, frozen=True, gc=False):
    """A good offer: its parsed constraint, the document to hand on, its place in the order of arrival.

    ``source`` is the neighbour that has brought it; empty if it is one of ours.
    """

    number: int
    offer_id: str
    provider_id: str
    expires: datetime
    constraint: Constraint
    document: Signed
    source: str = ""

    @property
    def offer(self) -> Offer:
        """All of it, read anew at each use."""
        return msgspec.msgpack.decode(self.document.body, type=Offer)


class PropertyReader:
    """Reads the properties of these names out of offers.

    Args:
        names: of the properties; others are passed over.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        fields = [
            (f"field_{number}", Value | UnsetType, msgspec.field(name=name, default=UNSET))
            for number, name in enumerate(self._names)
        ]
        wanted = msgspec.defstruct("Wanted", fields)
        self._decoder = msgspec.msgpack.Decoder(msgspec.defstruct("Body", [("properties", wanted)]))

    def read(self, known: KnownOffer) -> dict[str, Value]:
        """Those that the offer has."""
        values = msgspec.structs.astuple(self._decoder.decode(known.document.body).properties)  # pyright: ignore
        return {name: value for name, value in zip(self._names, values, strict=True) if value is not UNSET}
