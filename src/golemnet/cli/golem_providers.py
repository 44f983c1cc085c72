"""``golem providers``: who has worked for us, how well and for how much, and who shall not any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from golemnet.cli.output import Row, compact_table, short_id, show_json, show_table

if TYPE_CHECKING:
    from golemnet.sdk.providers import Provider

COLUMNS = ("provider", "id", "done", "failed", "speed", "GLM/h", "last", "note")
RIGHT = ("done", "failed", "speed", "GLM/h")

app = App(name="providers", help="What is known of providers: success, speed, price, disputes; block some.")


@app.default
def show(*, json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """List everybody who has worked for this machine's runs, the latest first.

    Args:
        json: print JSON for programs.
    """
    from golemnet.sdk.providers import known_providers

    known = list(known_providers().values())
    if json:
        show_json([_fields(each) for each in known])
    else:
        show_table(compact_table([_cells(each) for each in known], COLUMNS, RIGHT, ("id", "last")))


def _fields(provider: Provider) -> Row:
    from golemnet.model.money import format_amount

    per_hour = provider.per_hour
    return {
        "provider": provider.name,
        "id": provider.provider_id,
        "done": provider.done,
        "failed": provider.failed,
        "disputes": provider.disputes,
        "speed": round(provider.speed, 2),
        "GLM": format_amount(provider.spent),
        "GLM/h": None if per_hour is None else f"{per_hour:.4f}",
        "last": provider.last,
        "blocked": (provider.why or "yes") if provider.is_blocked else None,
    }


def _cells(provider: Provider) -> dict[str, str]:
    per_hour = provider.per_hour
    return {
        "provider": provider.name,
        "id": short_id(provider.provider_id),
        "done": str(provider.done),
        "failed": str(provider.failed),
        "speed": f"{provider.speed:.2f}",
        "GLM/h": "" if per_hour is None else f"{per_hour:.4f}",
        "last": "" if provider.last is None else f"{provider.last:%Y-%m-%d}",
        "note": _note(provider),
    }


def _note(provider: Provider) -> str:
    from golemnet.requestor.summary import counted

    notes = [counted(provider.disputes, "dispute")] if provider.disputes else []
    if provider.is_blocked:
        notes.append(f"blocked: {provider.why}" if provider.why else "blocked")
    return "; ".join(notes)


@app.command
def block(provider: str, /, *, why: str = "") -> None:
    """Have nothing to do with a provider any more.

    Args:
        provider: its name, its node id, or the beginning of it.
        why: a note to oneself.
    """
    from golemnet.sdk.providers import block

    blocked = block(provider, why)
    print(f"{blocked.name or 'a provider'} {blocked.provider_id} is blocked")


@app.command
def allow(provider: str, /) -> None:
    """Work with a provider again; its disputes are forgotten.

    Args:
        provider: its name, its node id, or the beginning of it.
    """
    from golemnet.sdk.providers import allow

    allowed = allow(provider)
    print(f"{allowed.name or 'a provider'} {allowed.provider_id} is allowed")
