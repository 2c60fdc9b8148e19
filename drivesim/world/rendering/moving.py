"""Light on vehicles, and what vehicles cast on the world around them: shadows and beams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.world.pose import CameraPose
from drivesim.world.quads import FLOAT, patches
from drivesim.world.rendering.atmosphere import Atmosphere
from drivesim.world.rendering.lighting import (
    HEAD_LAMP_COLOUR,
    STREET_LAMP_STRENGTH,
    Beam,
    head_lamp_light,
    sky_and_sun,
    soft_shoulder,
    street_lamp_light,
    through_fog,
    to_bytes,
)
from drivesim.world.rendering.projection import before
from drivesim.world.scenery.scenery import Scenery
from drivesim.world.vehicles.placement import PlacedQuads, PlacedVehicle, place, turned
from drivesim.world.vehicles.shapes import Material

_ALBEDO = {
    Material.GLASS: (0.10, 0.13, 0.17),
    Material.LIT_GLASS: (0.13, 0.17, 0.21),
    Material.PLASTIC: (0.075, 0.075, 0.08),
    Material.TYRE: (0.055, 0.055, 0.055),
    Material.RIM: (0.55, 0.56, 0.58),
    Material.HEAD_LAMP: (0.84, 0.86, 0.87),
    Material.TAIL_LAMP: (0.52, 0.03, 0.03),
    Material.BRAKE_LAMP: (0.26, 0.03, 0.03),
    Material.PLATE: (0.80, 0.80, 0.76),
    Material.CHROME: (0.60, 0.60, 0.61),
    Material.INDICATOR: (0.72, 0.38, 0.06),
}
_NIGHT_EMISSION = {
    Material.HEAD_LAMP: (1.0, 0.97, 0.86),
    Material.TAIL_LAMP: (0.84, 0.04, 0.03),
    Material.LIT_GLASS: (0.46, 0.41, 0.29),
}
_BRAKING_EMISSION = {Material.TAIL_LAMP: (1.0, 0.08, 0.05), Material.BRAKE_LAMP: (1.0, 0.08, 0.05)}
_OVERLAYS = [m for m in Material if m not in (Material.PAINT, Material.CARGO, Material.PLASTIC, Material.TYRE)]
_BEAM_DISTANCE_M, _MAX_BEAMS = 80.0, 6
_NOTHING = (np.zeros((0, 3), FLOAT), np.zeros((0, 4), np.uint8))


def lit_vehicles(
    vehicles: Sequence[PlacedVehicle], camera: CameraPose, atmosphere: Atmosphere, scenery: Scenery
) -> tuple[np.ndarray, np.ndarray]:
    """Returns corners `n 3` and RGBA bytes `n 4` of the faces of vehicles that face the camera."""
    if not vehicles:
        return _NOTHING
    quads = _facing(place(vehicles), camera)
    points, normals = quads.vertices.reshape(-1, 3), quads.normals.reshape(-1, 3)
    albedo = np.repeat(_albedo(quads, vehicles), 4, 0)
    towards = points - np.array([camera.x_m, camera.y_m, camera.z_m], FLOAT)
    distance = np.linalg.norm(towards, axis=1)
    light = sky_and_sun(normals, atmosphere)
    if atmosphere.is_night:
        middles = np.array([(v.x_m, v.y_m, 1.0) for v in vehicles], FLOAT)
        lamps = street_lamp_light(middles, scenery.lamps)[quads.owner].repeat(4)
        from_above = 0.55 + 0.45 * normals[:, 2]
        light = light + (lamps * from_above)[:, None] * scenery.lamp_colour * STREET_LAMP_STRENGTH
        beam = head_lamp_light(points, Beam(camera.x_m, camera.y_m, camera.heading_rad))
        facing = np.clip(-np.einsum("nd,nd->n", normals, towards) / distance, 0.15, 1)
        light = light + (beam * facing)[:, None] * HEAD_LAMP_COLOUR
    colours = soft_shoulder(albedo * light)
    colours += _reflections(quads, normals, towards / distance[:, None], atmosphere)
    colours = np.maximum(colours, np.repeat(_emission(quads, vehicles, atmosphere), 4, 0))
    overlay = np.isin(quads.materials, _OVERLAYS).repeat(4)
    points[overlay] = before(points[overlay], camera)
    return points, to_bytes(through_fog(colours, distance, atmosphere))


def _facing(quads: PlacedQuads, camera: CameraPose) -> PlacedQuads:
    towards = quads.vertices.mean(1) - np.array([camera.x_m, camera.y_m, camera.z_m], FLOAT)
    return quads.take(np.flatnonzero(np.einsum("nd,nd->n", towards, quads.face_normals) < 0))


def _table(colours: dict[Material, tuple[float, float, float]]) -> np.ndarray:
    table = np.zeros((len(Material), 3), FLOAT)
    for material, colour in colours.items():
        table[material] = colour
    return table


def _albedo(quads: PlacedQuads, vehicles: Sequence[PlacedVehicle]) -> np.ndarray:
    albedo = _table(_ALBEDO)[quads.materials]
    for material, paints in (
        (Material.PAINT, [vehicle.paint for vehicle in vehicles]),
        (Material.CARGO, [vehicle.cargo_paint for vehicle in vehicles]),
    ):
        chosen = quads.materials == material
        albedo[chosen] = np.array(paints, FLOAT)[quads.owner[chosen]]
    return albedo


def _emission(quads: PlacedQuads, vehicles: Sequence[PlacedVehicle], atmosphere: Atmosphere) -> np.ndarray:
    emission = _table(_NIGHT_EMISSION if atmosphere.is_night else {})[quads.materials]
    braking = np.array([vehicle.braking for vehicle in vehicles])[quads.owner]
    lamps = np.isin(quads.materials, [Material.TAIL_LAMP, Material.BRAKE_LAMP])
    emission[braking & lamps] = _BRAKING_EMISSION[Material.TAIL_LAMP]
    return emission


def _reflections(quads: PlacedQuads, normals: np.ndarray, ray: np.ndarray, atmosphere: Atmosphere) -> np.ndarray:
    """Returns the reflection of the sky in panes and paint, and the sun's highlight on them."""
    panes = np.isin(quads.materials, [Material.GLASS, Material.LIT_GLASS]).repeat(4)
    paint = (quads.materials == Material.PAINT).repeat(4)
    strength = np.where(panes, FLOAT(0.26), np.where(paint, FLOAT(0.05), FLOAT(0)))
    sky = strength * np.clip(0.30 + normals[:, 2], 0, 1)
    colours = sky[:, None] * np.array(atmosphere.sky_horizon, FLOAT)
    if any(atmosphere.sun):
        halfway = np.array(atmosphere.sun_direction, FLOAT) - ray
        halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
        shine = np.clip(np.einsum("nd,nd->n", halfway, normals), 0, 1) ** 24 * (panes | paint)
        colours = colours + shine[:, None] * (np.array(atmosphere.sun, FLOAT) * FLOAT(0.55))
    return colours


def vehicle_shadows(vehicles: Sequence[PlacedVehicle], atmosphere: Atmosphere) -> tuple[np.ndarray, np.ndarray]:
    """Returns soft shadows on the ground under vehicles, stretched a little away from the sun."""
    if not vehicles or atmosphere.shadow_strength <= 0:
        return _NOTHING
    angle = np.arange(17) * (2 * np.pi / 16)
    rounded = (
        np.sign(np.stack([np.cos(angle), np.sin(angle)], -1))
        * np.abs(np.stack([np.cos(angle), np.sin(angle)], -1)) ** 0.45
    )
    half = np.array([(v.model.half_width_m * 0.92, v.model.half_length_m) for v in vehicles])[:, None]
    heading = np.array([v.heading_rad for v in vehicles])[:, None]
    position = np.array([(v.x_m, v.y_m, 0.0) for v in vehicles])[:, None]
    sun = np.array(atmosphere.sun_direction)
    cast = (
        -sun * np.array([1, 1, 0]) / max(sun[2], 0.35) * np.array([v.model.height_m for v in vehicles])[:, None, None]
    )
    cast = cast * 0.35 * min(1.0, max(atmosphere.sun) * 1.6)
    rings = []
    for margin, shift in ((-0.20, 0.15), (0.05, 0.4), (0.50, 1.0)):
        local = np.concatenate([rounded * (half + margin), np.zeros((len(vehicles), 17, 1))], -1)
        rings.append(turned(local, heading) + position + cast * shift)
    quads = patches(np.stack(rings, 1))
    alpha = np.broadcast_to(
        np.array([[0.95, 0.95, 0.75, 0.75], [0.75, 0.75, 0.03, 0.03]])[:, None], (*quads.shape[:-1],)
    )
    fill = np.stack([rings[0][:, :7], rings[0][:, 1:8], rings[0][:, 15:8:-1], rings[0][:, 16:9:-1]], 2)
    points = np.concatenate([quads.reshape(-1, 3), fill.reshape(-1, 3)])
    opacity = np.concatenate([alpha.reshape(-1), np.full(fill.size // 3, 0.95)]) * atmosphere.shadow_strength
    return points.astype(FLOAT), to_bytes(np.zeros((len(points), 3), FLOAT), opacity)


def head_lamp_beams(vehicles: Sequence[PlacedVehicle], camera: CameraPose) -> list[Beam]:
    """Returns the beams that light the ground: the ego's first, then those of the nearest vehicles."""
    near = []
    for vehicle in vehicles:
        distance = float(np.hypot(vehicle.x_m - camera.x_m, vehicle.y_m - camera.y_m))
        if distance < _BEAM_DISTANCE_M:
            near.append((distance, vehicle))
    near.sort(key=lambda pair: pair[0])
    beams = [Beam(camera.x_m, camera.y_m, camera.heading_rad, 1.0)]
    for _, vehicle in near[:_MAX_BEAMS]:
        front = vehicle.model.half_length_m - 0.5
        x = vehicle.x_m + front * float(np.cos(vehicle.heading_rad))
        y = vehicle.y_m + front * float(np.sin(vehicle.heading_rad))
        beams.append(Beam(x, y, vehicle.heading_rad, 0.5))
    return beams
