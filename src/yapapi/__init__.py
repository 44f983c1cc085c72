"""The Python SDK under its published name: names only, the logic is in ``golemnet.requestor``."""
