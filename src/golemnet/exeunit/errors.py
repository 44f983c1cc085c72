"""What can go wrong while a script runs; the text of each reaches the requestor as the result's message."""

from __future__ import annotations

from golemnet.errors import GolemError


class CommandFailed(GolemError):
    """A command of a script did not succeed; the batch ends with it."""


class TransferFailed(CommandFailed):
    """A file could not be brought in or out."""


class IllegalCommand(CommandFailed):
    """The command does not fit the activity's state."""


class AgreementUnusable(GolemError):
    """The agreement lacks what an ExeUnit needs, or says it wrongly."""
