"""The client that checks the money: what does not fit usage, prices and intervals it does not accept."""

from __future__ import annotations

from pathlib import Path

from client_network import ClientNetwork, check_payments
from marks import MARKS, shows
from python_clients import PythonClient

pytestmark = MARKS
CLIENT = "golem-core-0.7.8"
SCRIPT = Path(__file__).parent / "scripts" / "work_golem_core.py"
PAID = {"ACCEPTED", "SETTLED"}


@shows("golem-core 0.7.8", "batch", "failure", "checked notes", "payment")
async def test_commands_under_agreements_with_debit_notes(
    client: PythonClient, network: ClientNetwork, tmp_path: Path
) -> None:
    ended = await client.run(tmp_path, SCRIPT, network.image_hash, environment=network.environment)
    assert ended.status == 0, ended.output
    assert ended.said("counted") == [["number-0", "number-1", "number-2"]], ended.output
    assert len(ended.said("failed")) == 1, ended.output
    assert "exit code 3: bad-news" in ended.output
    check_claims(ended.said("DebitNote"), ended.said("Invoice"), ended.output)
    assert await check_payments(network) >= 1


def check_claims(notes: list[list[str]], invoices: list[list[str]], output: str) -> None:
    """Nine seconds of work at an interval of two: several notes, some payable at once, all accepted."""
    assert "validation failed" not in output, output
    assert len(notes) >= 5, output
    assert {status for status, _ in notes} <= PAID, output
    assert "True" in {payable for _, payable in notes}, output
    assert len(invoices) == 2, output
    assert {status for status, _ in invoices} <= PAID, output
