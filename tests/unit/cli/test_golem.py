"""The services that anybody can host are commands of ``golem``."""

from golemnet.cli.golem import app


def test_what_can_be_hosted():
    for name in ("bootstrap", "chain", "registry", "relay"):
        assert "run" in app[name]
