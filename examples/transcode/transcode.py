"""Videos in another format, a machine for each; what was done before a crash is not done again.

It needs an image with ffmpeg, which is built once (150 MB to fetch):

    eval "$(golem local env)"
    gvmkit-build --debian ffmpeg --volume /golem/work --push --tag me/ffmpeg -o ffmpeg.gvmi
    python transcode.py *.mp4

The same without Python: golem map -i me/ffmpeg -o out 'ffmpeg -v error -i {} {.}.webm' *.mp4
"""

import asyncio
import sys
from datetime import timedelta

from golemnet import Golem

COMMAND = "ffmpeg -v error -i {} -c:v libvpx -b:v 500k -c:a libvorbis {.}.webm"


async def main(videos: list[str]) -> None:
    async with Golem(budget=2.0, image="me/ffmpeg", workers=5, run="transcode") as golem:
        async for done in golem.map(COMMAND, videos, output="out", timeout=timedelta(minutes=30)):
            [made] = done.files
            print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
