"""The node's private key on disk, in the format of Ethereum wallets: a web3 keystore, version 3.

Format: https://ethereum.org/en/developers/docs/data-structures-and-encoding/web3-secret-storage/
The key derivation is PBKDF2 with HMAC-SHA-256; the format's other one, scrypt, needs 256 MB of memory.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from pathlib import Path
from typing import Any

from Crypto.Cipher import AES

from golemnet.daemon.identity.passphrase import write_private
from golemnet.errors import GolemError
from golemnet.model.keys import NodeKey, keccak256

ITERATIONS = 200_000
MAX_ITERATIONS = 10_000_000
MAX_FILE_BYTES = 64 * 1024
KEY_BYTES = 32


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
        files = sorted(self.directory.glob("0x*.json"))
        if files:
            return self._open(files[0])
        key = NodeKey.generate()
        self.save(key)
        return key

    def save(self, key: NodeKey) -> Path:
        """Store ``key`` encrypted; the path of its file."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / f"{key.node_id}.json"
        write_private(path, json.dumps(encrypt(key, self._passphrase), indent=1))
        return path

    def _open(self, path: Path) -> NodeKey:
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ValueError("the file is too large for a key")
            return decrypt(json.loads(path.read_text()), self._passphrase)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeyStoreError(
                f"The key in {path} cannot be opened.",
                why=f"{type(error).__name__}: {error}",
                next_step="Set YAGNA_KEY_PASSPHRASE to the passphrase it was stored with.",
            ) from error


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
    if (document["version"], crypto["cipher"], crypto["kdf"]) != (3, "aes-128-ctr", "pbkdf2"):
        raise ValueError("only version 3 with aes-128-ctr and pbkdf2 can be read")
    ciphertext = bytes.fromhex(crypto["ciphertext"])
    derived = _derive_from(crypto["kdfparams"], passphrase)
    if not hmac.compare_digest(keccak256(derived[16:32] + ciphertext).hex(), crypto["mac"]):
        raise ValueError("the passphrase does not fit")
    return NodeKey.from_bytes(_aes_ctr(derived[:16], bytes.fromhex(crypto["cipherparams"]["iv"]), ciphertext))


def _derive_from(parameters: dict[str, Any], passphrase: str) -> bytes:
    iterations, length = int(parameters["c"]), int(parameters["dklen"])
    if not 1 <= iterations <= MAX_ITERATIONS or length != KEY_BYTES or parameters["prf"] != "hmac-sha256":
        raise ValueError("these parameters of pbkdf2 are not supported")
    return _derive(passphrase, bytes.fromhex(parameters["salt"]), iterations, length)


def _derive(passphrase: str, salt: bytes, iterations: int, length: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, iterations, length)


def _aes_ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    return AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=nonce).encrypt(data)
