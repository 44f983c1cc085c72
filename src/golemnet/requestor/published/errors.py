"""The exceptions that scripts catch, by the names they know."""

from __future__ import annotations

from golemnet.errors import GolemError
from golemnet.requestor.errors import CommandFailed


class MissingConfiguration(GolemError):
    """Something that connects the script with its daemon is not set."""

    def __init__(self, key: str, description: str) -> None:
        self.key = key
        self.description = description
        super().__init__(f"Missing configuration for {description}.", next_step=f"Please set env var {key}.")


class NoPaymentAccountError(GolemError):
    """The daemon has no account that can pay by this driver on this network."""

    def __init__(self, required_driver: str, required_network: str, has: str = "") -> None:
        self.required_driver = required_driver
        self.required_network = required_network
        super().__init__(
            f"No payment account available for driver `{required_driver}` and network `{required_network}`.",
            why=f"The node has {has}." if has else "",
            next_step="`yagna payment init --sender` makes one.",
        )


class BatchError(Exception):
    """A script has not succeeded; raised in the worker at its ``yield``."""


class BatchTimeoutError(BatchError, TimeoutError):
    """It took longer than its own timeout."""


class CommandExecutionError(BatchError, CommandFailed):
    """One of its commands has failed."""

    def __init__(self, command: str, message: str | None = None, stderr: str | None = None) -> None:
        self.command = command
        self.message = message
        CommandFailed.__init__(
            self, f"Command failed on provider; command: '{command}'.", why=message or "", stderr=stderr or ""
        )


class PackageException(GolemError):
    """An image cannot be named like this, or is not in the registry."""


class NetworkError(GolemError):
    """A private network does not allow this."""


class ServiceRunnerError(Exception):
    """An instance of a service does not answer any more."""
