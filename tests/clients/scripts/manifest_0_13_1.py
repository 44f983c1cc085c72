"""A task with a payload manifest, for yapapi 0.13.1. Argument: the image's hash."""

import asyncio
import json
import os
import sys

from yapapi import Golem, Task
from yapapi.log import enable_default_logger
from yapapi.payload import vm
from yapapi.payload.manifest import (
    CompManifest,
    CompManifestNet,
    CompManifestNetInet,
    CompManifestNetInetOut,
    CompManifestScript,
    Manifest,
    ManifestPayload,
)
from yapapi.rest.activity import BatchError


def manifest():
    url = f"{os.environ['GOLEM_REGISTRY_URL']}/download/{sys.argv[1]}"
    net = CompManifestNet(CompManifestNetInet(CompManifestNetInetOut(["https"], ["https://pypi.org"])))
    allowed = CompManifestScript(["run /bin/cat .*"])
    made = Manifest(
        [ManifestPayload(f"sha3:{sys.argv[1]}", [url])], comp_manifest=CompManifest("0.1.0", allowed, net)
    )
    return json.dumps(made.dict(by_alias=True)).encode()


async def worker(ctx, tasks):
    async for task in tasks:
        script = ctx.new_script()
        seen = script.run("/bin/cat", "/etc/resolv.conf")
        yield script
        print("resolver", *(await seen).stdout.split())
        script = ctx.new_script()
        script.run("/bin/ls", "/")
        try:
            yield script
        except BatchError as error:
            print("refused", error)
        task.accept_result()


async def main():
    package = await vm.manifest(
        manifest=manifest(),
        manifest_sig=b"not signed",
        manifest_sig_algorithm="sha256",
        manifest_cert=b"not certified",
        min_mem_gib=0.1,
        min_storage_gib=0.1,
        capabilities=["inet", "manifest-support"],
    )
    async with Golem(budget=1.0) as golem:
        async for _ in golem.execute_tasks(worker, [Task(data=None)], payload=package, max_workers=1):
            pass


if __name__ == "__main__":
    enable_default_logger()
    asyncio.run(main())
