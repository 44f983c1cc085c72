"""The seccomp profile as a program for the kernel, for drivers that cannot read the OCI form."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Set
from typing import Any

from golemnet.runtime import seccomp


def compiled(architecture: str, without: Set[str] = frozenset()) -> bytes:
    """The profile of ``golemnet.runtime.seccomp`` as BPF. Raises ImportError without libseccomp."""
    import pyseccomp

    profile = seccomp.profile(architecture, without)
    rules = pyseccomp.SyscallFilter(defaction=pyseccomp.ERRNO(profile["defaultErrnoRet"]))
    for entry in profile["syscalls"]:
        _add(pyseccomp, rules, entry)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _add(library: Any, rules: Any, entry: dict[str, Any]) -> None:
    conditions = [_condition(library, argument) for argument in entry.get("args", [])]
    for name in entry["names"]:
        try:
            rules.add_rule(library.ALLOW, name, *conditions)
        except OSError as error:
            # a call that this libseccomp or this architecture does not know stays forbidden
            if error.errno not in (errno.EDOM, errno.EFAULT, errno.EINVAL):
                raise


def _condition(library: Any, argument: dict[str, Any]) -> Any:
    if argument["op"] == "SCMP_CMP_MASKED_EQ":
        return library.Arg(argument["index"], library.MASKED_EQ, argument["value"], argument["valueTwo"])
    return library.Arg(argument["index"], library.EQ, argument["value"])
