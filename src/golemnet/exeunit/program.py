"""From the command line of ``exe-unit`` to a running ExeUnit and its exit code."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from golemnet.clock import SystemClock
from golemnet.errors import GolemError
from golemnet.exeunit.agreement import GIB, read_terms
from golemnet.exeunit.environment import Environment
from golemnet.exeunit.file_cache import LIMIT_BYTES as FILES_BYTES
from golemnet.exeunit.file_cache import FileCache
from golemnet.exeunit.image_cache import LIMIT_BYTES as IMAGES_BYTES
from golemnet.exeunit.image_cache import ImageCache
from golemnet.exeunit.private_networks import PrivateNetworks
from golemnet.exeunit.unit import ExeUnit
from golemnet.exeunit.usage import Meter
from golemnet.exeunit.way_out import WayOut
from golemnet.exeunit.web import Internet
from golemnet.rest.client import DEFAULT_API_URL, Client
from golemnet.runtime.selection import make_driver, usual

MAX_ACTIVITY_ID = 64


def run(arguments: argparse.Namespace) -> int:
    """Serve the activity; 0 when it ended in order, 1 when it could not begin."""
    # not structlog: it imports rich, 0.2 s that the requestor would wait and pay for
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_serve(arguments))
    except GolemError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return 1
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    activity_id = _checked_id(arguments.activity_id)
    terms = read_terms(arguments.agreement)
    internet = Internet(os.environ.get("GOLEM_REGISTRY_URL"))
    # nothing is kept for a requestor who is not named
    limit = _bytes("GOLEM_FILE_CACHE_GIB", FILES_BYTES) if terms.requestor_id else 0
    files = FileCache(arguments.cache_dir / "files", terms.requestor_id, limit)
    driver = make_driver(arguments.runtime or usual(), f"golem-{activity_id}", arguments.work_dir)
    api_url, app_key = os.environ.get("YAGNA_API_URL") or DEFAULT_API_URL, os.environ.get("YAGNA_APPKEY", "")
    async with Client(api_url, app_key) as client:
        images = ImageCache(
            arguments.cache_dir, internet, client, _bytes("GOLEM_IMAGE_CACHE_GIB", IMAGES_BYTES)
        )
        networks = PrivateNetworks(client, activity_id)
        unit = ExeUnit(
            activity_id,
            f"{api_url.rstrip('/')}/activity-api/v1/activity/{activity_id}/exeunit",
            app_key,
            Environment(terms, driver, images, files, client, internet, networks, WayOut()),
            driver,
            Meter(terms.usage_vector),
            SystemClock(),
        )
        _stop_on_signals(unit)
        await unit.run()


def _bytes(setting: str, default: int) -> int:
    """What the owner allows, given in GiB."""
    gib = os.environ.get(setting)
    try:
        return default if gib is None else int(float(gib) * GIB)
    except ValueError as error:
        raise GolemError(f"{setting}={gib!r} is not a number.") from error


def _checked_id(text: str) -> str:
    if not text.isalnum() or len(text) > MAX_ACTIVITY_ID:
        raise GolemError(f"{text!r} is not the id of an activity.")
    return text


def _stop_on_signals(unit: ExeUnit) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, unit.stop, "The provider ended the activity.")
