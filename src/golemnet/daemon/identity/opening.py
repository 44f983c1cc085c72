"""Which key a node runs under: the one that the settings give, or the one stored in its data directory."""

from __future__ import annotations

from golemnet.daemon.identity.keystore import KeyStore
from golemnet.daemon.identity.passphrase import passphrase
from golemnet.daemon.settings import Settings, SettingsError
from golemnet.model.keys import NodeKey

DIRECTORY = "keys"


def node_key(settings: Settings) -> NodeKey:
    """The node's key; at the first start a new one is made and stored.

    A key from the settings (``YAGNA_AUTOCONF_ID_SECRET``) is used as it is and never stored.

    Raises:
        SettingsError: the key in the settings is none.
        KeyStoreError: the stored key cannot be opened.
        PassphraseError: the passphrase file cannot be read.
    """
    if settings.identity_secret:
        return _configured(settings.identity_secret)
    return key_store(settings).open_or_create()


def key_store(settings: Settings) -> KeyStore:
    """Where the node's key is stored. Raises ``PassphraseError``."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = passphrase(settings.data_dir, settings.key_passphrase, settings.key_passphrase_file)
    return KeyStore(settings.data_dir / DIRECTORY, secret)


def _configured(secret: str) -> NodeKey:
    try:
        return NodeKey.from_bytes(bytes.fromhex(secret.strip().removeprefix("0x")))
    except ValueError as error:
        raise SettingsError(
            "YAGNA_AUTOCONF_ID_SECRET is not a private key.",
            why="A private key is 64 hexadecimal digits, and not zero.",
            next_step="Correct it, or remove it to use the stored key.",
        ) from error
