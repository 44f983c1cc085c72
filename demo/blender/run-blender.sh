#!/bin/sh
# Entry point of the Blender image: renders what /golem/work/params.json asks for.
set -eu
cd /golem/work
export HOME=/tmp
exec blender --background --factory-startup --disable-autoexec -noaudio \
    --python-exit-code 1 --python /golem/entrypoints/render.py
