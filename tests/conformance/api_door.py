"""The door of a program to a daemon that checks every answer against the contract."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import aiohttp
from openapi_contract import Answer, Contract

PARAMETER = re.compile(r"\{(\w+)\}")
TIMEOUT = aiohttp.ClientTimeout(total=30)


class Door:
    """Calls by ``api:operationId``.

    ``done`` are the operations that have succeeded, ``known`` the ids that were named, by path parameter.
    """

    def __init__(self, contract: Contract, session: aiohttp.ClientSession, api_url: str, key: str) -> None:
        self._contract = contract
        self._session = session
        self._api_url = api_url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.done: set[str] = set()
        self.known: defaultdict[str, set[str]] = defaultdict(set)

    async def __call__(
        self, name: str, *places: str, body: Any = None, expect: int | None = None, **query: Any
    ) -> Any:
        """The answer's JSON; ``expect`` is the status that has to come (any success if None)."""
        answer = await self.ask(name, *places, json=body, params=query)
        if answer.status < 400:
            self.done.add(name)
        wrong = answer.status != expect if expect else answer.status >= 400
        assert not wrong, f"{name} answers {answer.status}: {answer.content!r}"
        return answer.json

    async def ask(self, name: str, *places: str, **more: Any) -> Answer:
        """A checked answer."""
        method, url = self.address(name, *places)
        async with self._session.request(
            method, url, headers=self._headers, timeout=TIMEOUT, **more
        ) as response:
            answer = Answer(response.status, dict(response.headers), await response.read())
        self._contract.check(name, answer)
        return answer

    def address(self, name: str, *places: str) -> tuple[str, str]:
        """Method and URL of an operation, with ``places`` in the place of its path's parameters."""
        operation = self._contract.operations[name]
        path = operation.full_path
        for parameter, place in zip(PARAMETER.findall(path), places, strict=True):
            self.known[parameter].add(place)
            path = path.replace(f"{{{parameter}}}", place, 1)
        return operation.method.upper(), self._api_url + path

    def upgrade(self, name: str, *places: str, **more: Any) -> Any:
        """A WebSocket at an operation."""
        self.done.add(name)
        return self._session.ws_connect(self.address(name, *places)[1], headers=self._headers, **more)
