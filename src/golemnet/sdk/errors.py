"""What can go wrong with a function or a command that goes to other machines."""

from __future__ import annotations

from typing import Any

from golemnet.errors import GolemError


class WrongArgument(GolemError, TypeError):
    """An argument is not what its name stands for, or there is none of that name."""


class CannotTravel(GolemError, TypeError):
    """A function or an argument cannot be sent to another machine, or its result not back."""


class WrongPython(GolemError):
    """The image has another Python than this one: functions cannot go there."""


class RemoteError(GolemError):
    """A function has raised something that cannot come back as it is; its text is in the message."""


class ShellFailed(GolemError):
    """A shell command has ended with another status than 0; ``result`` is what it came to."""

    def __init__(self, what: str, *, result: Any = None, **more: str) -> None:
        self.result = result
        super().__init__(what, **more)


class Unhealthy(GolemError):
    """An instance of a service is not well."""


class ServiceFailed(GolemError):
    """An instance of a service failed and is not started again, or everything that it needs has ended."""


class NoAgreement(GolemError):
    """The copies of a call have come back with different results, and no majority was found."""


class RemoteTraceback(Exception):
    """Where a function failed, as text; it is the cause of the exception that came back."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)

    def __str__(self) -> str:
        return f"\n\n{self.text}"
