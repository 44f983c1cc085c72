"""Every operation of the APIs of identity, version, service bus and network."""

from __future__ import annotations

import aiohttp
import pytest
from deal import Sides

ADDRESS = "/public/gftp/some-file"
FLEXBUFFERS = "gsb+flexbuffers"


async def test_identity_and_version(sides: Sides, contract):
    me = await sides.requestor("identity-api:getIdentity")
    assert (me["name"], me["role"]) == ("autoconfigured", "manager")
    await sides.stranger("identity-api:getIdentity", expect=401)
    version = await sides.stranger("version-api:getVersion")
    assert tuple(int(part) for part in version["current"]["version"].split(".")) >= (0, 15, 2)
    assert sides.done >= contract.of_api("identity-api", "version-api")


async def test_services(sides: Sides, contract):
    door, listen = sides.requestor, {"on": ADDRESS, "components": ["GetMetadata"]}
    bound = await door("gsb-api:bindServices", body={"listen": listen}, expect=201)
    services_id = bound["servicesId"]
    async with door.upgrade("gsb-api:getServiceMessages", services_id, protocols=[FLEXBUFFERS]) as socket:
        assert socket.protocol == FLEXBUFFERS
        await door("gsb-api:unbindServices", services_id)
        # A program whose WebSocket stays open does not end.
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
    await door("gsb-api:unbindServices", services_id, expect=404)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
        await door.upgrade("gsb-api:getServiceMessages", services_id)
    assert sides.done >= contract.of_api("gsb-api")
