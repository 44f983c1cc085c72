"""Where the published OpenAPI files are wrong or ambiguous, and what published clients need instead.

Everything else has to be as the files say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


def amend(document: Document, api: str) -> None:
    """Apply what is known of a file."""
    for change in AMENDMENTS.get(api, ()):
        change(document)


def approval_is_a_word(document: Document) -> None:
    """Clients of 2020 read the word Approved, and later ones take any success."""
    responses = document["paths"]["/agreements/{agreementId}/wait"]["post"]["responses"]
    word = {"type": "string", "enum": ["Approved"]}
    responses["200"] = {"description": "Approved", "content": {"application/json": {"schema": word}}}
    del responses["204"]


def list_entries_are_not_events(document: Document) -> None:
    """A line of the list of agreements has a discriminator, copied from the events, but no such field."""
    del document["components"]["schemas"]["AgreementListEntry"]["discriminator"]


def provider_events_are_tagged(document: Document) -> None:
    """The type is ``{"CreateActivity": {}}``: the published provider agent reads nothing else."""
    event = document["components"]["schemas"]["ProviderEvent"]
    event["properties"]["eventType"] = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": {"enum": ["CreateActivity", "DestroyActivity"]},
    }
    del event["discriminator"]


def next_state_may_be_null(document: Document) -> None:
    """The file says so by ``nullable`` and in its text, and forgets it in the list of values."""
    state = document["components"]["schemas"]["ActivityState"]["properties"]["state"]
    state["items"]["enum"].append(None)


def binary_output_is_a_list(document: Document) -> None:
    """Output that was captured as binary is a list of byte values."""
    properties = document["components"]["schemas"]["ExeScriptCommandResult"]["properties"]
    byte = {"type": "integer", "minimum": 0, "maximum": 255}
    for name in ("stdout", "stderr"):
        properties[name] = {"oneOf": [{"type": "string"}, {"type": "array", "items": byte}]}


def usage_is_a_vector(document: Document) -> None:
    """The counters of a debit note are a list, as in the activity API."""
    properties = document["components"]["schemas"]["DebitNote"]["properties"]
    properties["usageCounterVector"] = {"type": "array", "items": {"type": "number"}}


def platforms_are_objects(document: Document) -> None:
    """The long form of a platform has no type, so that a text would fit both forms of which one must fit."""
    document["components"]["schemas"]["PaymentPlatform"]["type"] = "object"


AMENDMENTS: dict[str, tuple[Callable[[Document], None], ...]] = {
    "market-api": (approval_is_a_word, list_entries_are_not_events),
    "activity-api": (provider_events_are_tagged, next_state_may_be_null, binary_output_is_a_list),
    "payment-api": (usage_is_a_vector, platforms_are_objects),
}
