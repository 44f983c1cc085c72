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


@pytest.mark.parametrize("api", ["net-api", "net-api-v2"])
async def test_private_networks(sides: Sides, contract, api):
    door, node = sides.requestor, "0x" + "1" * 40
    body = {"id": "", "ip": "192.168.7.0/24"}
    made = await door(f"{api}:createNetwork", body=body)
    network_id = made["id"]
    assert (made["ip"], made["mask"]) == ("192.168.7.0/24", "255.255.255.0")
    assert await door(f"{api}:getNetworks") == [await door(f"{api}:getNetwork", network_id)] == [made]
    await door(f"{api}:addAddress", network_id, body={"ip": "192.168.7.2"})
    assert await door(f"{api}:getAddresses", network_id) == [{"ip": "192.168.7.2"}]
    await door(f"{api}:addNode", network_id, body={"id": node, "ip": "192.168.7.3"})
    await door(f"{api}:addNode", network_id, body={"id": node, "ip": "192.168.7.2"}, expect=409)
    await door(f"{api}:addNode", network_id, body={"id": node, "ip": "10.0.0.1"}, expect=400)
    await door(f"{api}:addNode", network_id, body={"id": node, "ip": "192.168.7.255"}, expect=400)
    assert await door(f"{api}:getNodes", network_id) == [{"id": node, "ip": "192.168.7.3"}]
    assert await door(f"{api}:getConnections", network_id) == []
    await door(f"{api}:removeNode", network_id, node)
    await door(f"{api}:removeNode", network_id, node, expect=404)
    await door(f"{api}:removeNetwork", network_id)
    await door(f"{api}:getNetwork", network_id, expect=404)
    await door(f"{api}:connect_tcp", network_id, "192.168.7.3", "80", expect=404)
    if api == "net-api-v2":
        assert (await door(f"{api}:getStatus"))["sessions"] == 1
    # Connecting needs somebody who answers: tests/integration/test_private_networks.py.
    assert sides.done >= contract.of_api(api) - {f"{api}:connect_tcp"}
