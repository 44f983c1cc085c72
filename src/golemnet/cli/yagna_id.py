"""``yagna id``: who this node is, and its key."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from golemnet.cli.context import Given
from golemnet.cli.output import show_one, show_rows
from golemnet.cli.passphrases import passphrase_of

app = App(name="id", help="Show the identity of the node, and move its key.")


@app.command
async def show(*, context: Given) -> None:
    """Show the default identity."""
    async with context.client() as client:
        entries = await client.identity.list_identities()
    entry = next(each for each in entries if each.is_default)
    fields = {"nodeId": entry.node_id, "alias": entry.alias}
    if context.as_json:
        fields |= {"isDefault": entry.is_default, "isLocked": entry.is_locked}
    show_one(fields, as_json=context.as_json)


@app.command(name="list")
async def list_(*, context: Given) -> None:
    """List the identities."""
    async with context.client() as client:
        entries = await client.identity.list_identities()
    rows = [
        {
            "default": entry.is_default,
            "locked": entry.is_locked,
            "alias": entry.alias,
            "address": entry.node_id,
        }
        for entry in entries
    ]
    show_rows(rows, as_json=context.as_json)


@app.command
def export(file: Path, *, passphrase_file: Path | None = None, context: Given) -> None:
    """Write the node's key to FILE, encrypted as wallets do (keystore v3) with a passphrase of its own.

    Args:
        file: must not exist yet.
        passphrase_file: a file with the passphrase for FILE; asked for on the terminal if it is not given.
    """
    from golemnet.daemon.identity.keystore import export_key
    from golemnet.daemon.identity.opening import key_store
    from golemnet.daemon.settings import load_settings

    store = key_store(load_settings({"data_dir": context.data_dir}))
    secret = passphrase_of(passphrase_file, "Passphrase for the exported key", twice=True)
    show_one({"nodeId": str(export_key(store, file, secret)), "file": str(file)}, as_json=context.as_json)


@app.command(name="import")
def import_(file: Path, *, passphrase_file: Path | None = None, context: Given) -> None:
    """Make the key in FILE (keystore v3) the node's own; before its first start.

    Args:
        file: as `yagna id export` or a wallet has written it.
        passphrase_file: a file with the passphrase of FILE; asked for on the terminal if it is not given.
    """
    from golemnet.daemon.identity.keystore import import_key
    from golemnet.daemon.identity.opening import key_store
    from golemnet.daemon.lock import exclusive
    from golemnet.daemon.settings import load_settings

    settings = load_settings({"data_dir": context.data_dir})
    secret = passphrase_of(passphrase_file, "Passphrase of the key to import", twice=False)
    with exclusive(settings.data_dir):
        show_one({"nodeId": str(import_key(key_store(settings), file, secret))}, as_json=context.as_json)
