"""Running tasks on the network: ``from yapapi.runner import Engine, Task, vm``."""

from golemnet.errors import GolemError
from golemnet.requestor.engine import Engine
from golemnet.requestor.errors import (
    BudgetExhausted,
    CommandFailed,
    NoWorker,
    ProviderLost,
    RunTimeout,
    TaskFailed,
    WorkerFailed,
)
from golemnet.requestor.strategies import DummyMS, LeastExpensiveLinearPayuMS, MarketStrategy
from golemnet.requestor.tasks import Task, TaskStatus
from yapapi.runner import vm

CommandExecutionError = CommandFailed

__all__ = [
    "BudgetExhausted",
    "CommandExecutionError",
    "CommandFailed",
    "DummyMS",
    "Engine",
    "GolemError",
    "LeastExpensiveLinearPayuMS",
    "MarketStrategy",
    "NoWorker",
    "ProviderLost",
    "RunTimeout",
    "Task",
    "TaskFailed",
    "TaskStatus",
    "WorkerFailed",
    "vm",
]
