"""What fails again and again is told once, and once that it is over."""

from golemnet.requestor.trouble import Trouble
from golemnet.rest.errors import InternalError
from golemnet.rest.transport import DaemonUnreachable


def test_each_change_is_told_once(caplog):
    trouble = Trouble("invoices cannot be read")
    for _ in "12":
        trouble.begins(InternalError("It is broken."))
    for _ in "12":
        trouble.ends()
    assert [each.message for each in caplog.records] == [
        "invoices cannot be read: It is broken.",
        "invoices cannot be read: no more",
    ]


def test_of_a_daemon_that_is_away_others_tell(caplog):
    trouble = Trouble("invoices cannot be read")
    trouble.begins(DaemonUnreachable("No daemon answers."))
    trouble.ends()
    assert caplog.records == []
