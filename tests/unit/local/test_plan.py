"""What a local network consists of."""

import socket
from pathlib import Path

import pytest

from golemnet.errors import GolemError
from golemnet.local import ports
from golemnet.local.launcher import launch
from golemnet.local.layout import Layout
from golemnet.local.plan import Choices, Ports, new_secrets, node_names, plan_network, script_environment
from golemnet.local.ports import free_ports
from golemnet.local.stored_secrets import keep_secrets

NAMES = node_names(2)
PORTS = Ports(1, 2, dict(zip(NAMES, (3, 4, 5), strict=True)), dict(zip(NAMES, (6, 7, 8), strict=True)))
LAYOUT = Layout(Path("/net"))
SECRETS = new_secrets(NAMES, None)
PLANS = {plan.name: plan for plan in plan_network(Choices(2, "here"), LAYOUT, PORTS, SECRETS)}


def test_every_part_is_a_process():
    assert list(PLANS) == ["chain", "registry", "requestor", "provider-1", "provider-2", "agent-1", "agent-2"]


def test_each_is_planned_after_what_it_needs():
    known: set[str] = set()
    for plan in PLANS.values():
        assert known.issuperset(plan.after)
        known.add(plan.name)


def test_providers_join_by_the_requestor_and_sell_on_the_subnet():
    assert [name for name, plan in PLANS.items() if plan.joins] == ["provider-1", "provider-2"]
    assert PLANS["agent-2"].env["YAGNA_API_URL"] == PLANS["provider-2"].env["YAGNA_API_URL"]
    assert PLANS["agent-2"].env["SUBNET"] == "here"
    assert PLANS["agent-2"].env["YAGNA_APPKEY"] == PLANS["provider-2"].env["YAGNA_AUTOCONF_APPKEY"]


def test_nodes_share_no_key_port_or_folder():
    for variable in ("YAGNA_AUTOCONF_ID_SECRET", "YAGNA_AUTOCONF_APPKEY", "YAGNA_API_URL", "YAGNA_DATADIR"):
        assert len({PLANS[name].env[variable] for name in NAMES}) == len(NAMES)


def test_script_uses_the_requestor():
    environment = script_environment(Choices(2, "here"), LAYOUT, PORTS, SECRETS)
    assert environment["YAGNA_APPKEY"] == SECRETS.app_keys["requestor"]
    assert environment["YAGNA_API_URL"] == "http://127.0.0.1:3"
    # yapapi 0.1 to 0.5 know these three only.
    assert environment["YAGNA_MARKET_URL"] == "http://127.0.0.1:3/market-api/v1"
    assert "YAGNA_PAYMENT_DRIVER" not in environment


def test_scripts_pay_by_vouchers_if_the_network_was_told_so():
    environment = script_environment(Choices(2, "here", driver="voucher"), LAYOUT, PORTS, SECRETS)
    assert environment["YAGNA_PAYMENT_DRIVER"] == "voucher"
    assert environment["YAGNA_PAYMENT_NETWORK"] == "local"
    with pytest.raises(GolemError, match="Nothing is paid by 'gold'"):
        launch(LAYOUT, Choices(2, "here", driver="gold"), print)
    assert environment["YAGNA_PAYMENT_URL"] == "http://127.0.0.1:3/payment-api/v1"
    assert environment["YAGNA_ACTIVITY_URL"] == "http://127.0.0.1:3/activity-api/v1"
    assert environment["YAGNA_SUBNET"] == "here"


def test_known_keys_stay():
    more = new_secrets(node_names(3), SECRETS)
    assert more.private_keys.items() >= SECRETS.private_keys.items()
    assert set(more.app_keys) == {*NAMES, "provider-3"}


def test_free_ports_differ():
    assert len(set(free_ports(20))) == 20


def test_a_free_port_is_not_one_that_an_outgoing_connection_may_take():
    lowest, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert all(1024 < port < int(lowest) for port in free_ports(50))


def test_a_port_in_use_is_not_free(monkeypatch: pytest.MonkeyPatch):
    first, second = sorted(free_ports(2))
    monkeypatch.setattr(ports, "PORTS", range(first, second + 1, second - first))
    with socket.socket() as taken:
        taken.bind((ports.HOST, first))
        assert free_ports(1) == [second]
        with pytest.raises(GolemError, match="no 2 free ports"):
            free_ports(2)


def test_secrets_are_kept_and_private(tmp_path: Path):
    path = tmp_path / "secrets.json"
    first = keep_secrets(path, NAMES)
    assert keep_secrets(path, NAMES) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_damaged_secrets_say_what_to_do(tmp_path: Path):
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(GolemError, match="--fresh"):
        keep_secrets(path, NAMES)


def test_a_path_too_long_for_sockets_is_refused():
    with pytest.raises(ValueError, match="longer"):
        Layout.at(Path("/" + "x" * 100))
