"""The ed25519 key that a node's endpoint has by its node key, so that its address is known beforehand."""

from __future__ import annotations

from iroh import SecretKey

from golemnet.model.keys import NodeKey, sha3_256
from golemnet.net.bootstrap import BootstrapAddress

_DOMAIN = b"golem/1/endpoint\0"


def endpoint_secret(key: NodeKey) -> bytes:
    """The endpoint's secret (32 bytes)."""
    return sha3_256(_DOMAIN + key.to_bytes())


def endpoint_id_of(secret: bytes) -> bytes:
    """The public key (32 bytes) of an endpoint's secret."""
    return SecretKey.from_bytes(secret).public().to_bytes()


def address_of(key: NodeKey, bind: str) -> str:
    """The bootstrap address that a node with ``key`` will have when it listens on ``bind``."""
    host, _, port = bind.rpartition(":")
    return str(BootstrapAddress(endpoint_id_of(endpoint_secret(key)), host, int(port)))
