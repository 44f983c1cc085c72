"""Attempts to get out of a virtual machine, whose kernel is the attacker's, and by its networks.

One machine is booted, emulated, and lives for half a minute. What is tried needs no hardware: the wall is
QEMU, its sandbox, the wire and the ExeUnit.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from besieged import SIEGE, Outcome, besiege
from guest_attempts import NAMES

from golemnet.runtime.errors import NoRuntime
from golemnet.runtime.vm.driver import VmDriver

pytestmark = [
    pytest.mark.privileged,
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.skipif(os.geteuid() != 0, reason="a network that stands for the provider's needs root"),
]

ALL = [
    *NAMES,
    "fill_the_provider_s_memory",
    "harm_the_world",
    "harm_other_nodes",
    "be_followed_by_transfers",
    "leave_more_than_files",
    "fill_the_host_by_the_console",
    "lie_to_the_host",
    "be_gone",
    "delay_the_end",
]


@pytest.fixture(scope="module")
def siege(python_image: Path) -> Outcome:
    try:
        VmDriver.require(emulated=True)
    except NoRuntime as error:
        pytest.skip(f"no virtual machine can be made: {error}")
    return besiege("vm-emulated", python_image, SIEGE.with_name("machine_siege.py"))


def test_every_attempt_was_made(siege: Outcome) -> None:
    assert set(siege.through) == set(ALL)


@pytest.mark.parametrize("attempt", ALL)
def test_nothing_comes_through(siege: Outcome, attempt: str) -> None:
    assert siege.through[attempt] is None


def test_the_host_is_unharmed_and_nothing_is_left(siege: Outcome) -> None:
    assert siege.harm == []
    assert siege.left == {}
