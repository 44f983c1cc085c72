"""Runs inside Blender: makes the demo's scene and saves it to the path given after ``--``.

Nine cubes on a floor, a sun and a lamp; the camera goes once around them in 60 frames.
"""

import math
import sys

import bpy

FRAMES = 60
RADIUS = 11.0
PALETTE = [(0.9, 0.25, 0.2), (0.95, 0.7, 0.15), (0.2, 0.55, 0.85), (0.25, 0.7, 0.4), (0.6, 0.35, 0.75)]


def material(name, colour, roughness):
    """A plain surface of this colour."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    surface = made.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*colour, 1.0)
    surface.inputs["Roughness"].default_value = roughness
    return made


def add_floor():
    """A wide pale floor."""
    bpy.ops.mesh.primitive_plane_add(size=60.0)
    bpy.context.object.data.materials.append(material("floor", (0.75, 0.75, 0.72), 0.9))


def add_cubes():
    """Three rows of cubes, each turned and raised a little more."""
    for index in range(9):
        height = 0.6 + 0.25 * index
        bpy.ops.mesh.primitive_cube_add(
            size=1.0, location=((index % 3 - 1) * 2.0, (index // 3 - 1) * 2.0, height / 2)
        )
        cube = bpy.context.object
        cube.scale.z = height
        cube.rotation_euler.z = math.radians(11 * index)
        cube.data.materials.append(material(f"cube {index}", PALETTE[index % len(PALETTE)], 0.35))


def add_lights():
    """A warm sun and a cool sky."""
    bpy.ops.object.light_add(type="SUN", rotation=(math.radians(50), 0.0, math.radians(35)))
    bpy.context.object.data.energy = 2.5
    bpy.context.object.data.angle = math.radians(3)
    world = bpy.context.scene.world or bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.45, 0.6, 0.85, 1.0)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.5


def add_camera():
    """A camera on a turning arm, looking at the middle."""
    bpy.ops.object.empty_add(location=(0.0, 0.0, 0.8))
    arm = bpy.context.object
    bpy.ops.object.camera_add(location=(0.0, -RADIUS, 4.2))
    camera = bpy.context.object
    camera.parent = arm
    look = camera.constraints.new("TRACK_TO")
    look.target, look.track_axis, look.up_axis = arm, "TRACK_NEGATIVE_Z", "UP_Y"
    arm.keyframe_insert("rotation_euler", frame=0)
    arm.rotation_euler.z = 2 * math.pi
    arm.keyframe_insert("rotation_euler", frame=FRAMES)
    for curve in arm.animation_data.action.fcurves:
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    bpy.context.scene.camera = camera


def set_quality():
    """Cycles with few bounces; it stops at a pixel that is good enough."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.use_denoising = False
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.1
    scene.cycles.max_bounces = 2
    scene.view_settings.view_transform = "Standard"
    scene.frame_start, scene.frame_end = 0, FRAMES - 1


def main():
    """Make the scene from nothing and save it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for step in (add_floor, add_cubes, add_lights, add_camera, set_quality):
        step()
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[sys.argv.index("--") + 1], compress=True)


main()
