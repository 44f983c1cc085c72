"""Stored keys: readable by other wallets' code, private, and closed to a wrong passphrase."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_keyfile import create_keyfile_json, decode_keyfile_json

from golemnet.daemon.identity.keystore import KeyStore, KeyStoreError, decrypt, encrypt
from golemnet.daemon.identity.opening import node_key
from golemnet.daemon.identity.passphrase import PassphraseError, passphrase
from golemnet.daemon.settings import Settings, SettingsError
from golemnet.model.keys import NodeKey

FEW = 10


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_another_implementation_reads_what_we_write():
    key = NodeKey.generate()
    document = encrypt(key, "secret", FEW)
    assert decode_keyfile_json(document, b"secret") == key.to_bytes()
    assert "0x" + document["address"] == key.node_id


def test_we_read_what_another_implementation_writes():
    key = NodeKey.generate()
    document = create_keyfile_json(key.to_bytes(), b"secret", kdf="pbkdf2", iterations=FEW)
    assert decrypt(document, "secret").node_id == key.node_id


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path):
    key = KeyStore(tmp_path / "keys", "right").open_or_create()
    assert KeyStore(tmp_path / "keys", "right").open_or_create().node_id == key.node_id
    with pytest.raises(KeyStoreError, match="YAGNA_KEY_PASSPHRASE"):
        KeyStore(tmp_path / "keys", "wrong").open_or_create()


def test_scrypt_of_wallets_is_read():
    key = NodeKey.generate()
    document = create_keyfile_json(key.to_bytes(), b"secret", kdf="scrypt", iterations=2)
    assert decrypt(document, "secret").node_id == key.node_id
    document["crypto"]["kdfparams"]["n"] = 2**40
    with pytest.raises(ValueError, match="scrypt"):
        decrypt(document, "secret")


@pytest.mark.parametrize("change", [{"kdf": "scrypt"}, {"cipher": "none"}, {"kdfparams": {}}])
def test_a_file_of_another_form_is_refused(change: dict[str, object]):
    document = encrypt(NodeKey.generate(), "secret", FEW)
    document["crypto"] |= change
    with pytest.raises((ValueError, KeyError)):
        decrypt(document, "secret")


def test_endless_derivation_is_refused():
    document = encrypt(NodeKey.generate(), "secret", FEW)
    document["crypto"]["kdfparams"]["c"] = 10**12
    with pytest.raises(ValueError, match="pbkdf2"):
        decrypt(document, "secret")


def test_a_damaged_file_is_named(tmp_path: Path):
    path = KeyStore(tmp_path, "x").save(NodeKey.generate())
    path.write_text("{")
    with pytest.raises(KeyStoreError, match=path.name):
        KeyStore(tmp_path, "x").open_or_create()


def test_everything_is_for_the_owner_only(tmp_path: Path):
    settings = Settings(data_dir=tmp_path / "node")
    key = node_key(settings)
    assert node_key(settings).node_id == key.node_id
    assert mode(settings.data_dir) == mode(settings.data_dir / "keys") == 0o700
    assert mode(settings.data_dir / "passphrase") == 0o600
    [file] = (settings.data_dir / "keys").iterdir()
    assert mode(file) == 0o600
    assert key.to_bytes().hex() not in file.read_text()
    assert json.loads(file.read_text())["version"] == 3


def test_a_configured_key_is_used_and_not_stored(tmp_path: Path):
    key = NodeKey.generate()
    settings = Settings(data_dir=tmp_path, identity_secret="0x" + key.to_bytes().hex())
    assert node_key(settings).node_id == key.node_id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("secret", ["", "12", "zz" * 32, "00" * 32])
def test_a_configured_key_that_is_none_is_refused(tmp_path: Path, secret: str):
    with pytest.raises(SettingsError, match="YAGNA_AUTOCONF_ID_SECRET"):
        node_key(Settings(data_dir=tmp_path, identity_secret=secret or " "))


def test_where_the_passphrase_comes_from(tmp_path: Path):
    file = tmp_path / "mine"
    file.write_text("from file\n")
    assert passphrase(tmp_path, "given", file) == "given"
    assert passphrase(tmp_path, None, file) == "from file"
    generated = passphrase(tmp_path, None, None)
    assert len(generated) == 64
    assert passphrase(tmp_path, None, None) == generated
    with pytest.raises(PassphraseError, match="missing"):
        passphrase(tmp_path, None, tmp_path / "missing")
