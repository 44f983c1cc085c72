"""Two web servers in a private network, for yapapi 0.13.1. Argument: the image's hash.

The library's own proxy answers at a local port by what the instances serve; the instances read each other.
"""

import asyncio
import os
import socket
import sys

import aiohttp

from yapapi import Golem
from yapapi.contrib.service.http_proxy import HttpProxyService, LocalHttpProxy
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.services import ServiceState

OUTSIDE = "http://127.0.0.1:7465 http://1.1.1.1"
ALL_OVER_S = 60


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


PORT = free_port()


class WebServer(HttpProxyService):
    @staticmethod
    async def get_payload():
        return await vm.repo(
            image_hash=sys.argv[1],
            repository_url=os.environ["GOLEM_REGISTRY_URL"],
            min_mem_gib=0.1,
            min_storage_gib=0.1,
            capabilities=[vm.VM_CAPS_VPN],
        )

    async def start(self):
        async for script in super().start():
            yield script
        script = self._ctx.new_script()
        script.run("/bin/sh", "-c", f"echo served by {self.provider_name} > /golem/work/index.html")
        script.run("/bin/busybox", "httpd", "-p", "80", "-h", "/golem/work")
        yield script

    async def run(self):
        await both(ServiceState.running)
        for other in cluster.instances:
            script, read = self.command(f"busybox wget -qO- http://{other.network_node.ip}/index.html")
            yield script
            print("read", self.provider_name, *(await read).stdout.split())
        script, outside = self.command(f"for url in {OUTSIDE}; do busybox wget -T 1 $url || echo none; done")
        yield script
        print("outside", self.provider_name, *(await outside).stdout.split())
        await visited.wait()

    def command(self, line):
        script = self._ctx.new_script()
        return script, script.run("/bin/sh", "-c", line)


async def both(state):
    """Wait until both instances are in ``state``."""
    async with asyncio.timeout(ALL_OVER_S):
        while [each.state for each in cluster.instances] != [state, state]:
            changed.clear()
            await changed.wait()


async def visit():
    """Ask the library's proxy, which asks the instances in turn."""
    proxy = LocalHttpProxy(cluster, PORT)
    await proxy.run()
    async with aiohttp.ClientSession() as session:
        for _ in range(4):
            async with session.get(f"http://127.0.0.1:{PORT}/index.html") as answer:
                print("visited", answer.status, *(await answer.text()).split())
    await proxy.stop()


async def main():
    global changed, cluster, visited
    changed, visited = asyncio.Event(), asyncio.Event()
    async with Golem(budget=1.0) as golem:
        golem.add_event_consumer(lambda _: changed.set(), ["ServiceStateChanged"])
        async with await golem.create_network("192.168.0.1/24") as network:
            cluster = await golem.run_service(WebServer, network=network, num_instances=2)
            await both(ServiceState.running)
            await visit()
            visited.set()
            await both(ServiceState.terminated)


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main())
