"""Signing transactions."""

from __future__ import annotations

import subprocess
import sys

SIGN = """
import sys
from golemnet.chain.ethereum import Fees
from golemnet.chain.transaction import Call, sign_call
before = sys.getrecursionlimit()
call = Call("0x" + "11" * 20, b"", 21000)
sign_call(call, key=b"\\1" * 32, chain_id=1, nonce=0, fees=Fees(base=1, most=2, tip=1))
assert "py_ecc" in sys.modules, "nothing loads what raised the limit: this test has lost its reason"
print(sys.getrecursionlimit() - before)
"""


def test_signing_leaves_the_limit_of_recursion_alone():
    """In a process of its own, for the library does it once, when it is loaded."""
    result = subprocess.run([sys.executable, "-c", SIGN], capture_output=True, text=True, timeout=60)
    assert (result.stdout.strip(), result.stderr) == ("0", "")
