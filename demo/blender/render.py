"""Runs inside Blender: renders the frames and crops that ``params.json`` in the working folder asks for.

Rendering is done by Cycles on the processor whatever the scene says, because the other engines need a
graphics card. ``samples`` is the most that a pixel gets: a scene with adaptive sampling may stop sooner.
"""

import os
import sys

import bpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from parameters import read_parameters


def prepare(job):
    """Open the scene and set it up for ``job``; returns the scene."""
    bpy.ops.wm.open_mainfile(filepath=job.scene_file, load_ui=False, use_scripts=False)
    if os.path.isdir(job.resources_dir):
        bpy.ops.file.find_missing_files(directory=job.resources_dir)
    scene = bpy.context.scene
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = job.samples
    # Debian builds Blender without the denoiser, and rendering fails when a scene asks for it.
    scene.cycles.use_denoising = False
    render.resolution_x, render.resolution_y, render.resolution_percentage = job.width, job.height, 100
    render.use_compositing = job.use_compositing
    render.use_sequencer = False
    render.image_settings.file_format = job.output_format
    return scene


def render_crop(scene, job, crop, frame):
    """Render one picture to its file."""
    render = scene.render
    render.use_border = render.use_crop_to_border = not crop.is_whole
    render.border_min_x, render.border_max_x = crop.left, crop.right
    render.border_min_y, render.border_max_y = crop.bottom, crop.top
    render.filepath = job.output_file(crop, frame)
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)


def main():
    """Render everything; a failure ends Blender with status 1."""
    job = read_parameters("params.json")
    scene = prepare(job)
    for frame in job.frames:
        for crop in job.crops:
            render_crop(scene, job, crop, frame)


main()
