"""A web server that outlives the Golem that has started it. Argument: the image's hash."""

import asyncio
import socket
import sys

from yapapi import Golem
from yapapi.contrib.service.socket_proxy import SocketProxy, SocketProxyService
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.services import ServiceState

SOON_S = 45


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class WebServer(SocketProxyService):
    remote_ports = (80,)

    @staticmethod
    async def get_payload():
        return await vm.repo(
            image_hash=sys.argv[1], min_mem_gib=0.1, min_storage_gib=0.1, capabilities=[vm.VM_CAPS_VPN]
        )

    async def start(self):
        async for script in super().start():
            yield script
        script = self._ctx.new_script()
        script.run("/bin/sh", "-c", "echo hello > /golem/work/index.html")
        script.run("/bin/busybox", "httpd", "-p", "80", "-h", "/golem/work")
        yield script
        print("started", self.id)

    async def shutdown(self):
        print("shutdown", self.id)
        async for script in super().shutdown():
            yield script


async def reached(cluster, state):
    async with asyncio.timeout(SOON_S):
        while [each.state for each in cluster.instances] != [state]:
            changed.clear()
            await changed.wait()


async def visit(cluster):
    """Ask the instance through a local port."""
    proxy = SocketProxy(ports=[free_port()])
    await proxy.run(cluster)
    server = proxy.get_server(cluster.instances[0], 80)
    reader, writer = await asyncio.open_connection(server.local_address, server.local_port)
    writer.write(b"GET /index.html HTTP/1.0\r\n\r\n")
    print("visited", (await asyncio.wait_for(reader.read(), SOON_S)).decode().split()[-1])
    writer.close()
    await proxy.stop()


async def first():
    golem = Golem(budget=1.0)
    golem.add_event_consumer(lambda _: changed.set(), ["ServiceStateChanged"])
    await golem.start()
    network = await golem.create_network("192.168.0.1/24")
    cluster = await golem.run_service(WebServer, network=network)
    await reached(cluster, ServiceState.running)
    await visit(cluster)
    left = network.serialize(), cluster.serialize_instances()
    cluster.suspend()
    await golem.stop(wait_for_payments=False)
    print("suspended", cluster.instances[0].state.value)
    return left


async def second(left):
    async with Golem(budget=1.0) as golem:
        golem.add_event_consumer(lambda _: changed.set(), ["ServiceStateChanged"])
        network = await golem.resume_network(left[0])
        cluster = await golem.resume_service(WebServer, instances=left[1], network=network)
        await reached(cluster, ServiceState.running)
        await visit(cluster)
        cluster.stop()
        await reached(cluster, ServiceState.terminated)
        await network.remove()


async def main():
    global changed
    changed = asyncio.Event()
    await second(await first())


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main())
