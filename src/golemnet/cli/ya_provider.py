"""The ``ya-provider`` command, ``golemsp`` for short: sell what this machine has."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from msgspec.structs import replace

from golemnet.cli.main import run_program
from golemnet.cli.output import show_json, show_one, show_rows, show_table
from golemnet.cli.provider_tables import history_table
from golemnet.cli.ya_provider_access import app as access
from golemnet.cli.ya_provider_internet import keystore, rule, whitelist
from golemnet.cli.ya_provider_local import check_not_local, settings_to_change
from golemnet.cli.ya_provider_options import AsJson, DataDir
from golemnet.errors import GolemError
from golemnet.provider import presets as preferences_file
from golemnet.provider.journal import Journal
from golemnet.provider.machine import LEAST_GIB, Limits, sold, this_machine
from golemnet.provider.presets import MOST_AGREEMENTS, Preferences, Preset, checked, with_unit_prices
from golemnet.provider.reports import history_rows, isolation_facts, preset_rows, totals
from golemnet.provider.rules import Rules, parse_hours
from golemnet.provider.settings import AgentSettings, settings_from
from golemnet.provider.standing import is_running, last_self_test, preferences_now

RECENT = 20
ALWAYS = "always"

app = App(name="ya-provider", help="Sell computation on the Golem Network.")
preset = App(name="preset", help="Prices under a name.")
config = App(name="config", help="Name, subnet and limits of this provider.")
app.command(preset)
app.command(config)
app.command(access)
app.command(keystore)
app.command(whitelist)
app.command(rule)
app.command(config, name="settings")


@app.command
def run(
    *presets: str, node_name: str | None = None, subnet: str | None = None, data_dir: DataDir = None
) -> None:
    """Offer this machine until SIGTERM or Ctrl-C. The daemon is that of YAGNA_API_URL and YAGNA_APPKEY.

    Args:
        presets: what to offer instead of the active presets.
        node_name: how others see this node (NODE_NAME).
        subnet: the part of the market to sell on (SUBNET).
        data_dir: where the agent keeps its data (DATA_DIR, default ~/.local/share/ya-provider).
    """
    from golemnet.cli.services import run_service
    from golemnet.provider.opening import run_agent

    settings = settings_from(data_dir=data_dir, node_name=node_name, subnet=subnet)
    run_service(lambda ready: run_agent(settings, ready, presets=list(presets)))


@app.command
def status(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """What is offered at which price and with which isolation, and what came of it.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    settings = settings_from(data_dir=data_dir)
    running = is_running(settings)
    if data_dir is None and not running:
        check_not_local("status", settings.data_dir)
    preferences = preferences_now(settings)
    records = Journal(settings.journal_file).records()
    isolation = isolation_facts(last_self_test(settings.self_test_file))
    standing = {"agent": "running" if running else "not running", **isolation}
    facts = {**standing, **_config(settings.data_dir, preferences), **totals(records)}
    if json:
        show_json({**facts, "presets": preset_rows(preferences)})
        return
    show_one(facts, as_json=False)
    show_rows(preset_rows(preferences), as_json=False)


@app.command
def history(*, everything: bool = False, data_dir: DataDir = None, json: AsJson = False) -> None:
    """The agreements, their state, and the transactions that paid them.

    Args:
        everything: all of them, not only the last ones.
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    settings = settings_from(data_dir=data_dir)
    records = Journal(settings.journal_file).records()
    if data_dir is None and not records:
        check_not_local("history", settings.data_dir)
    rows = history_rows(records if everything else records[-RECENT:])
    if json:
        show_json(rows)
    else:
        show_table(history_table(rows))


@app.command
def profile(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """What this machine has, and what of it is sold.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    settings = settings_from(data_dir=data_dir)
    machine = this_machine(_existing(settings.data_dir))
    preferences = _preferences(settings)
    offered = sold(machine, preferences.limits, preferences.max_agreements)
    rows = [
        {
            "what": what,
            "threads": each.threads,
            "memory GiB": round(each.memory_gib, 1),
            "storage GiB": round(each.storage_gib, 1),
        }
        for what, each in (("machine", machine), ("sold to each requestor", offered))
    ]
    show_rows(rows, as_json=json)


@preset.command(name="list")
def list_presets(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """All presets, with their prices in GLM.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    show_rows(preset_rows(_preferences(settings_from(data_dir=data_dir))), as_json=json)


@preset.command(name=["create", "update"])
def set_preset(
    name: str,
    *,
    per_hour: Decimal | None = None,
    per_cpu_hour: Decimal | None = None,
    start: Decimal | None = None,
    per_unit: Annotated[list[str] | None, Parameter(negative="")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a preset, or change the prices of one.

    Args:
        name: of the preset.
        per_hour: GLM for an hour of an activity.
        per_cpu_hour: GLM for an hour of one processor.
        start: GLM for an activity, however short.
        per_unit: GLM for a unit of another counter, as golem.usage.gib=0.001 or
            golem.usage.storage_gib=0.001; 0 takes the price away. Most requestors refuse such prices.
        data_dir: the agent's data (DATA_DIR).
    """
    settings = settings_to_change(data_dir)
    preferences = _preferences(settings)
    known = next((each for each in preferences.presets if each.name == name), Preset(name))
    changed = Preset(
        name,
        known.per_hour if per_hour is None else per_hour,
        known.per_cpu_hour if per_cpu_hour is None else per_cpu_hour,
        known.start if start is None else start,
    )
    try:
        changed = with_unit_prices(changed, known.per_unit, per_unit or [])
        _save(settings, preferences.with_preset(checked(changed)))
    except ValueError as error:
        raise GolemError("A price is not an amount of GLM.", why=str(error)) from error


@preset.command(name="remove")
def remove_preset(name: str, *, data_dir: DataDir = None) -> None:
    """Forget a preset.

    Args:
        name: of the preset.
        data_dir: the agent's data (DATA_DIR).
    """
    settings = settings_to_change(data_dir)
    _save(settings, _preferences(settings).without_preset(name))


@preset.command(name="activate")
def activate(name: str, *, data_dir: DataDir = None) -> None:
    """Offer a preset from the agent's next start on.

    Args:
        name: of the preset.
        data_dir: the agent's data (DATA_DIR).
    """
    settings = settings_to_change(data_dir)
    _save(settings, _preferences(settings).activated(name, active=True))


@preset.command(name="deactivate")
def deactivate(name: str, *, data_dir: DataDir = None) -> None:
    """Do not offer a preset any more from the agent's next start on.

    Args:
        name: of the preset.
        data_dir: the agent's data (DATA_DIR).
    """
    settings = settings_to_change(data_dir)
    _save(settings, _preferences(settings).activated(name, active=False))


@config.command(name=["get", "show"])
def show_config(*, data_dir: DataDir = None, json: AsJson = False) -> None:
    """Name, subnet and limits.

    Args:
        data_dir: the agent's data (DATA_DIR).
        json: for programs.
    """
    settings = settings_from(data_dir=data_dir)
    show_one(_config(settings.data_dir, settings.apply(_preferences(settings))), as_json=json)


@config.command(name="set")
def set_config(
    *,
    node_name: str | None = None,
    subnet: str | None = None,
    threads: Annotated[int | None, Parameter(name=["--threads", "--cores"])] = None,
    memory_gib: Annotated[float | None, Parameter(name=["--memory-gib", "--memory"])] = None,
    storage_gib: Annotated[float | None, Parameter(name=["--storage-gib", "--disk"])] = None,
    max_agreements: int | None = None,
    hours: str | None = None,
    only_when_idle: bool | None = None,
    patience_minutes: float | None = None,
    data_dir: DataDir = None,
) -> None:
    """Change name, subnet, limits and times; they hold from the agent's next start on.

    Args:
        node_name: how others see this node.
        subnet: the part of the market to sell on.
        threads: processors that may be sold.
        memory_gib: memory that may be sold, in GiB.
        storage_gib: disk that may be sold, in GiB.
        max_agreements: how many requestors to work for at once; they share the limits in equal parts.
        hours: when to sell, like 22:00-06:00, local time; "always" for no limit.
        only_when_idle: sell only while the machine has nothing else to do.
        patience_minutes: how long running work may go on when the agent is told to end.
        data_dir: the agent's data (DATA_DIR).
    """
    settings = settings_to_change(data_dir)
    known = _preferences(settings)
    limits = Limits(
        known.limits.threads if threads is None else threads,
        known.limits.memory_gib if memory_gib is None else memory_gib,
        known.limits.storage_gib if storage_gib is None else storage_gib,
    )
    if threads is not None and threads < 1:
        raise GolemError("There must be a processor to sell: --threads 1 or more.")
    if any(limit is not None and not LEAST_GIB <= limit < inf for limit in (memory_gib, storage_gib)):
        raise GolemError(f"A limit must be a number of GiB, and at least {LEAST_GIB}.")
    if patience_minutes is not None and not 0 <= patience_minutes < inf:
        raise GolemError("Patience must be a number of minutes, and not below 0.")
    if max_agreements is not None and not 1 <= max_agreements <= MOST_AGREEMENTS:
        raise GolemError(f"There can be 1 to {MOST_AGREEMENTS} agreements at once.")
    changed = replace(
        known,
        node_name=node_name or known.node_name,
        subnet=subnet or known.subnet,
        limits=limits,
        max_agreements=max_agreements or known.max_agreements,
        patience_minutes=known.patience_minutes if patience_minutes is None else patience_minutes,
        rules=_changed_rules(known.rules, hours, only_when_idle),
    )
    AgentSettings(settings.data_dir).apply(changed)
    _save(settings, changed)


def _changed_rules(rules: Rules, hours: str | None, only_when_idle: bool | None) -> Rules:
    if hours == ALWAYS:
        hours = ""
    elif hours is not None:
        parse_hours(hours)
    return replace(
        rules,
        hours=rules.hours if hours is None else hours,
        only_when_idle=rules.only_when_idle if only_when_idle is None else only_when_idle,
    )


def _config(data_dir: Path, preferences: Preferences) -> dict[str, object]:
    machine = this_machine(_existing(data_dir))
    offered = sold(machine, preferences.limits, preferences.max_agreements)
    return {
        "node name": preferences.node_name,
        "subnet": preferences.subnet,
        "threads": offered.threads,
        "memory GiB": offered.memory_gib,
        "storage GiB": offered.storage_gib,
        "max agreements": preferences.max_agreements,
        "hours": preferences.rules.hours or ALWAYS,
        "only when idle": preferences.rules.only_when_idle,
        "patience minutes": preferences.patience_minutes,
    }


def _preferences(settings: AgentSettings) -> Preferences:
    return preferences_file.load(settings.preferences_file)


def _save(settings: AgentSettings, preferences: Preferences) -> None:
    preferences_file.save(settings.preferences_file, preferences)


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def main() -> None:
    """Run on the arguments of this process."""
    run_program(app)
