"""Light and culling of everything that does not move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivesim.world.pose import CameraPose
from drivesim.world.quads import FLOAT, QuadMesh, face_normals
from drivesim.world.rendering.atmosphere import Atmosphere
from drivesim.world.rendering.lighting import (
    HEAD_LAMP_COLOUR,
    HEAD_LAMP_REACH_M,
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

_SHADOW_REACH_M = 120.0


class StillMesh:
    """A mesh whose light from sky, sun and street lamps is computed once; each picture adds head lamps and fog.

    Args:
        mesh: The quads.
        lamps: Places of the street lamps, `k 3`.
        lamp_colour: Colour of their light, `3`.
        atmosphere: Sky, sun and fog.
        solid: Whether only the outer sides of the quads are visible.
    """

    def __init__(
        self, mesh: QuadMesh, lamps: np.ndarray, lamp_colour: np.ndarray, atmosphere: Atmosphere, solid: bool
    ) -> None:
        self._atmosphere = atmosphere
        self._vertices, self._albedo, self._overlay = mesh.vertices, mesh.albedo, mesh.overlay
        self._bounds = QuadBounds(mesh.vertices)
        self._faces = face_normals(mesh.vertices).astype(FLOAT) if solid and len(mesh) else None
        light = sky_and_sun(mesh.normals, atmosphere)
        if atmosphere.is_night and len(mesh):
            lit = street_lamp_light(mesh.vertices.reshape(-1, 3), lamps).reshape(-1, 4, 1)
            light = light + lit * (np.asarray(lamp_colour, FLOAT) * STREET_LAMP_STRENGTH)
        self._reflected = (mesh.albedo * light).astype(FLOAT)
        self._emission = mesh.emission if atmosphere.is_night else None

    def seen_from(
        self, camera: CameraPose, reach_m: float, beams: Sequence[Beam] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns corners `m 3` and RGBA bytes `m 4` of the quads in view, in their order, lit by `beams` at night."""
        keep = self._bounds.in_view(camera, reach_m)
        if self._faces is not None:
            towards = self._bounds.middles[keep] - np.array([camera.x_m, camera.y_m, camera.z_m], FLOAT)
            keep = keep[np.einsum("nd,nd->n", towards, self._faces[keep]) < 0]
        points = self._vertices[keep].reshape(-1, 3)
        colours = self._reflected[keep].reshape(-1, 3)
        distance = np.hypot(points[:, 0] - FLOAT(camera.x_m), points[:, 1] - FLOAT(camera.y_m))
        if self._emission is not None:
            near = np.flatnonzero(distance < HEAD_LAMP_REACH_M)
            light = sum((head_lamp_light(points[near], beam) for beam in beams), np.zeros(len(near), FLOAT))
            colours[near] += self._albedo[keep].reshape(-1, 3)[near] * (light[:, None] * HEAD_LAMP_COLOUR)
            colours = soft_shoulder(colours)
            colours += self._emission[keep].reshape(-1, 3)
        overlay = np.repeat(self._overlay[keep], 4)
        points[overlay] = before(points[overlay], camera)
        return points, to_bytes(through_fog(colours, distance, self._atmosphere))


class StillShadows:
    """Soft shadows of trees on the ground by day."""

    def __init__(self, mesh: QuadMesh, atmosphere: Atmosphere) -> None:
        self._vertices = mesh.vertices
        strength = 0.0 if atmosphere.is_night else atmosphere.shadow_strength
        alpha = (mesh.alpha * strength).reshape(-1)
        self._colours = to_bytes(np.zeros((len(alpha), 3), FLOAT), alpha).reshape(-1, 4, 4)
        self._bounds = QuadBounds(mesh.vertices)

    def seen_from(self, camera: CameraPose, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns corners `m 3` and RGBA bytes `m 4` of the shadows in view."""
        keep = self._bounds.in_view(camera, min(reach_m, _SHADOW_REACH_M))
        return self._vertices[keep].reshape(-1, 3), self._colours[keep].reshape(-1, 4)


class QuadBounds:
    """Middles `n 3` and radii `n` of quads, by which those are left out that the camera cannot see."""

    def __init__(self, vertices: np.ndarray) -> None:
        self.middles = vertices.mean(1)
        self._radii = (
            np.sqrt(((vertices - self.middles[:, None]) ** 2).sum(-1).max(1)) if len(vertices) else np.zeros(0)
        )

    def in_view(self, camera: CameraPose, reach_m: float) -> np.ndarray:
        """Returns the indices of the quads that are within reach and between the sides of the picture."""
        if len(self.middles) == 0:
            return np.zeros(0, np.int64)
        cos, sin = FLOAT(np.cos(camera.heading_rad)), FLOAT(np.sin(camera.heading_rad))
        x, y = self.middles[:, 0] - FLOAT(camera.x_m), self.middles[:, 1] - FLOAT(camera.y_m)
        ahead, sideways = x * cos + y * sin, np.abs(x * sin - y * cos)
        half = camera.horizontal_fov_rad / 2
        margin = self._radii / FLOAT(np.cos(half))
        inside = (sideways < ahead * FLOAT(np.tan(half)) + margin) & (ahead < reach_m) & (ahead > -self._radii)
        return np.flatnonzero(inside)
