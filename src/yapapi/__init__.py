"""The API that scripts for Golem are written against; all of it is a door to ``golemnet.requestor``."""


def get_version() -> str:
    """The version of this package."""
    from importlib.metadata import version

    return version("golemnet")
