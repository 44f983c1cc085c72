"""``golem providers``: who has worked for us, how well and for how much, and who shall not any more."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from golemnet.cli.output import Row, show_rows

COLUMNS = ("provider", "id", "done", "failed", "disputes", "speed", "GLM", "GLM/h", "last", "blocked")

app = App(name="providers", help="What is known of providers: success, speed, price, disputes; block some.")


@app.default
def show(*, json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List everybody who has worked for this machine's runs, the latest first.

    Args:
        json: print JSON for programs.
    """
    from golemnet.model.money import format_amount
    from golemnet.sdk.providers import known_providers

    rows: list[Row] = [
        {
            "provider": each.name,
            "id": each.provider_id,
            "done": each.done,
            "failed": each.failed,
            "disputes": each.disputes,
            "speed": round(each.speed, 2),
            "GLM": format_amount(each.spent),
            "GLM/h": None if each.per_hour is None else f"{each.per_hour:.4f}",
            "last": each.last,
            "blocked": (each.why or "yes") if each.is_blocked else None,
        }
        for each in known_providers().values()
    ]
    show_rows(rows, as_json=json, columns=COLUMNS)


@app.command
def block(provider_id: str, /, *, why: str = "") -> None:
    """Have nothing to do with a provider any more.

    Args:
        provider_id: its node id.
        why: a note to oneself.
    """
    from golemnet.sdk.providers import block

    block(provider_id, why)


@app.command
def allow(provider_id: str, /) -> None:
    """Work with a provider again; its disputes are forgotten.

    Args:
        provider_id: its node id.
    """
    from golemnet.sdk.providers import allow

    allow(provider_id)
