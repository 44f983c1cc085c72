"""The node's private key on disk, in the format of Ethereum wallets: a web3 keystore, version 3.

Format: https://ethereum.org/en/developers/docs/data-structures-and-encoding/web3-secret-storage/
The key derivation is PBKDF2 with HMAC-SHA-256. The format's other one, scrypt, which needs 256 MB of memory,
is read as well: most wallets write it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from Crypto.Cipher import AES

from golemnet.daemon.identity.passphrase import write_private
from golemnet.errors import GolemError
from golemnet.model.keys import NodeKey, keccak256
from golemnet.model.node_id import NodeId

ITERATIONS = 200_000
MAX_ITERATIONS = 10_000_000
MAX_FILE_BYTES = 64 * 1024
MAX_MEMORY = 512 * 1024 * 1024
KEY_BYTES = 32
_SET_PASSPHRASE = "Set YAGNA_KEY_PASSPHRASE to the passphrase it was stored with."


class KeyStoreError(GolemError):
    """The stored key cannot be opened."""


class KeyStore:
    """The keys in one directory: a file per key, ``<node id>.json``, mode 0600."""

    def __init__(self, directory: Path, passphrase: str) -> None:
        self.directory = directory
        self._passphrase = passphrase

    def open_or_create(self) -> NodeKey:
        """The stored key, or a new one that is stored before it is returned.

        Raises:
            KeyStoreError: wrong passphrase, or a damaged file.
        """
        file = self.stored()
        if file is not None:
            return open_key(file, self._passphrase, _SET_PASSPHRASE)
        key = NodeKey.generate()
        self.save(key)
        return key

    def stored(self) -> Path | None:
        """The file of the node's key; None before the first start."""
        files = sorted(self.directory.glob("0x*.json"))
        return files[0] if files else None

    def save(self, key: NodeKey) -> Path:
        """Store ``key`` encrypted; the path of its file."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / f"{key.node_id}.json"
        write_private(path, json.dumps(encrypt(key, self._passphrase), indent=1))
        return path


def open_key(path: Path, passphrase: str, next_step: str = "") -> NodeKey:
    """The key in a keystore file.

    Raises:
        KeyStoreError: wrong passphrase, or a damaged file; with what to do.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError("the file is too large for a key")
        return decrypt(json.loads(path.read_text()), passphrase)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyStoreError(
            f"The key in {path} cannot be opened.",
            why=f"{type(error).__name__}: {error}",
            next_step=next_step,
        ) from error


def export_key(store: KeyStore, file: Path, passphrase: str) -> NodeId:
    """Write the stored key to a new ``file`` under another passphrase; whose key it is.

    Raises:
        KeyStoreError: there is no key or it cannot be opened, or there is such a file.
    """
    if store.stored() is None:
        raise KeyStoreError("There is no key yet.", next_step="Start the node once: yagna service run.")
    if file.exists():
        raise KeyStoreError(f"{file} exists.", next_step="Name a new file.")
    key = store.open_or_create()
    write_private(file, json.dumps(encrypt(key, passphrase), indent=1))
    return key.node_id


def import_key(store: KeyStore, file: Path, passphrase: str) -> NodeId:
    """Store the key in ``file`` as the node's; whose key it is.

    Raises:
        KeyStoreError: the node has a key, or that in ``file`` cannot be opened.
    """
    present = store.stored()
    if present is not None:
        raise KeyStoreError(
            f"The node has the key {present.stem}.",
            next_step=f"Move {present} to a safe place first, or name another --datadir.",
        )
    key = open_key(file, passphrase, "Give the passphrase that the file was written with.")
    store.save(key)
    return key.node_id


def encrypt(key: NodeKey, passphrase: str, iterations: int = ITERATIONS) -> dict[str, Any]:
    """The keystore document of ``key``."""
    salt, nonce = secrets.token_bytes(32), secrets.token_bytes(16)
    derived = _derive(passphrase, salt, iterations, KEY_BYTES)
    ciphertext = _aes_ctr(derived[:16], nonce, key.to_bytes())
    return {
        "version": 3,
        "id": str(uuid.uuid4()),
        "address": key.node_id.removeprefix("0x"),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": nonce.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "pbkdf2",
            "kdfparams": {"c": iterations, "dklen": KEY_BYTES, "prf": "hmac-sha256", "salt": salt.hex()},
            "mac": keccak256(derived[16:32] + ciphertext).hex(),
        },
    }


def decrypt(document: dict[str, Any], passphrase: str) -> NodeKey:
    """The key in a keystore ``document``.

    Raises:
        ValueError: wrong passphrase, or a form of keystore that is not read here.
        KeyError: a part of the document is missing.
    """
    crypto = document["crypto"]
    if (document["version"], crypto["cipher"]) != (3, "aes-128-ctr") or crypto["kdf"] not in _DERIVATIONS:
        raise ValueError("only version 3 with aes-128-ctr, and pbkdf2 or scrypt, can be read")
    ciphertext = bytes.fromhex(crypto["ciphertext"])
    derived = _DERIVATIONS[crypto["kdf"]](crypto["kdfparams"], passphrase)
    if not hmac.compare_digest(keccak256(derived[16:32] + ciphertext).hex(), crypto["mac"]):
        raise ValueError("the passphrase does not fit")
    return NodeKey.from_bytes(_aes_ctr(derived[:16], bytes.fromhex(crypto["cipherparams"]["iv"]), ciphertext))


def _derive_from(parameters: dict[str, Any], passphrase: str) -> bytes:
    iterations, length = int(parameters["c"]), int(parameters["dklen"])
    if not 1 <= iterations <= MAX_ITERATIONS or length != KEY_BYTES or parameters["prf"] != "hmac-sha256":
        raise ValueError("these parameters of pbkdf2 are not supported")
    return _derive(passphrase, bytes.fromhex(parameters["salt"]), iterations, length)


def _scrypt_from(parameters: dict[str, Any], passphrase: str) -> bytes:
    cost, block, parallel = (int(parameters[name]) for name in ("n", "r", "p"))
    memory = 128 * cost * block * parallel
    if not 0 < memory <= MAX_MEMORY or int(parameters["dklen"]) != KEY_BYTES:
        raise ValueError("these parameters of scrypt are not supported")
    return hashlib.scrypt(
        passphrase.encode(),
        salt=bytes.fromhex(parameters["salt"]),
        n=cost,
        r=block,
        p=parallel,
        maxmem=2 * MAX_MEMORY,
        dklen=KEY_BYTES,
    )


_DERIVATIONS: dict[str, Callable[[dict[str, Any], str], bytes]] = {
    "pbkdf2": _derive_from,
    "scrypt": _scrypt_from,
}


def _derive(passphrase: str, salt: bytes, iterations: int, length: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, iterations, length)


def _aes_ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=nonce).encrypt(data)
