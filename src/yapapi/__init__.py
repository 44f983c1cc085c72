"""The API that scripts for Golem are written against; all of it is a door to ``golemnet.requestor``."""

from importlib.metadata import version


def get_version() -> str:
    """The version of this package."""
    return version("golemnet")
