"""The daemon as a program: ``python -m golemnet.daemon``, which ``yagna service run`` turns into.

All its settings come from the environment and ``.env``.
"""

from __future__ import annotations

import sys

import structlog

from golemnet.daemon.logs import configure_logs
from golemnet.daemon.memory import postpone_collection
from golemnet.daemon.settings import load_settings
from golemnet.errors import GolemError


def main() -> None:
    """Run a node; what a person can mend ends with status 1 and says so on stderr."""
    try:
        settings = load_settings()
        configure_logs(settings.log_level, as_json=settings.log_json)
        log = structlog.get_logger("golemnet.daemon")
        log.info("Starting yagna service!", data_dir=str(settings.data_dir))
        postpone_collection()
        # The heavy imports come after the first line, so that whoever waits for it knows that we live.
        from golemnet.daemon.process import run_daemon

        run_daemon(settings)
    except GolemError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
