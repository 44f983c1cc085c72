"""The compiled contracts are what the sources say."""

import pytest

from golemnet.chain.contract import Contract
from golemnet.chain.contracts.artifact import NAMES, artifact
from golemnet.chain.contracts.build import compile_contract

RECEIVER = "0x" + "ab" * 20


@pytest.mark.parametrize("name", NAMES)
def test_source_and_artifact_belong_together(name):
    assert compile_contract(name) == artifact(name)


def test_call_of_an_erc20_transfer_is_the_standard_one():
    data = Contract.load("token").call("transfer", RECEIVER, 5)

    assert data.hex() == "a9059cbb" + RECEIVER[2:].rjust(64, "0") + f"{5:064x}"


def test_transfer_event_is_read():
    token = Contract.load("token")
    topics = [token.topic("Transfer"), bytes(12) + b"\x01" * 20, bytes(12) + b"\x02" * 20]

    fields = token.event("Transfer", topics, (7).to_bytes(32, "big"))

    assert fields == {"sender": "0x" + "01" * 20, "receiver": "0x" + "02" * 20, "value": 7}


def test_log_of_another_event_is_not_read():
    token = Contract.load("token")
    topics = [token.topic("Approval"), bytes(32), bytes(32)]

    assert token.event("Transfer", topics, bytes(32)) is None
