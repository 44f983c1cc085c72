"""Where an instance of a service is, and what may happen to it, as one table."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class ServiceState(Enum):
    """The life of an instance."""

    pending = "pending"
    starting = "starting"
    running = "running"
    stopping = "stopping"
    terminated = "terminated"
    unresponsive = "unresponsive"
    suspended = "suspended"

    AVAILABLE: ClassVar[tuple[ServiceState, ...]]
    """Those in which an instance is at a provider."""

    @property
    def identifier(self) -> str:
        """Its name."""
        return self.value


class Turn(Enum):
    """What happens to an instance."""

    NEXT = "its handler has ended, or it has got a provider"
    STOP = "it has failed, or is to stop"
    LOSE = "its provider is gone"
    SUSPEND = "it is left alone"
    RESTART = "it begins anew at another provider"


TURNS: dict[tuple[ServiceState, Turn], ServiceState] = {
    (ServiceState.pending, Turn.NEXT): ServiceState.starting,
    (ServiceState.pending, Turn.STOP): ServiceState.terminated,
    (ServiceState.starting, Turn.NEXT): ServiceState.running,
    (ServiceState.starting, Turn.STOP): ServiceState.terminated,
    (ServiceState.starting, Turn.LOSE): ServiceState.terminated,
    (ServiceState.starting, Turn.SUSPEND): ServiceState.suspended,
    (ServiceState.running, Turn.NEXT): ServiceState.stopping,
    (ServiceState.running, Turn.STOP): ServiceState.stopping,
    (ServiceState.running, Turn.LOSE): ServiceState.terminated,
    (ServiceState.running, Turn.SUSPEND): ServiceState.suspended,
    (ServiceState.stopping, Turn.NEXT): ServiceState.terminated,
    (ServiceState.stopping, Turn.STOP): ServiceState.terminated,
    (ServiceState.stopping, Turn.LOSE): ServiceState.terminated,
    (ServiceState.stopping, Turn.SUSPEND): ServiceState.suspended,
    (ServiceState.terminated, Turn.RESTART): ServiceState.pending,
}
"""What is not in it changes nothing: who is told to stop twice is told once."""

ServiceState.AVAILABLE = (ServiceState.starting, ServiceState.running, ServiceState.stopping)


def turned(state: ServiceState, turn: Turn) -> ServiceState:
    """The state afterwards."""
    return TURNS.get((state, turn), state)
