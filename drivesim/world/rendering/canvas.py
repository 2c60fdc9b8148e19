"""The off-screen buffer that panda3d draws into."""

from __future__ import annotations

import cv2
import numpy as np
from panda3d.core import (
    Camera,
    FrameBufferProperties,
    GraphicsEngine,
    GraphicsOutput,
    GraphicsPipe,
    GraphicsPipeSelection,
    NodePath,
    PerspectiveLens,
    Texture,
    WindowProperties,
    loadPrcFileData,
)

from drivesim.world.pose import CameraPose
from drivesim.world.quads import Colour
from drivesim.world.rendering.layers import Layer

_SETTINGS = """
load-display {pipe}
aux-display
notify-level error
threading-model
sync-video 0
framebuffer-multisample 0
multisamples 0
garbage-collect-states 0
assert-abort 0
audio-library-name null
"""


class Canvas:
    """A buffer of `width` × `height` pixels with a camera and layers in front of it."""

    def __init__(self, width: int, height: int, near_m: float, far_m: float, pipe: str) -> None:
        loadPrcFileData("", _SETTINGS.format(pipe=pipe))
        self._width, self._height = width, height
        self._engine = GraphicsEngine.getGlobalPtr()
        graphics = _off_screen_pipe()
        if graphics is None:
            raise RuntimeError(f"panda3d's {pipe} could not be opened; p3tinydisplay works on every machine")
        properties = FrameBufferProperties()
        properties.setRgbColor(True)
        properties.setRgbaBits(8, 8, 8, 0)
        properties.setDepthBits(24)
        size = WindowProperties.size(width, height)
        buffer = self._engine.makeOutput(graphics, "canvas", 0, properties, size, GraphicsPipe.BFRefuseWindow)
        if buffer is None:
            raise RuntimeError(f"panda3d's {pipe} gave no off-screen buffer of {width}x{height}")
        self._buffer = buffer
        self._texture = Texture()
        buffer.addRenderTexture(self._texture, GraphicsOutput.RTMCopyRam, GraphicsOutput.RTPColor)
        buffer.setClearColorActive(True)
        self._root = NodePath("world")
        self._lens = PerspectiveLens()
        self._lens.setFilmSize(width, height)
        self._lens.setNearFar(near_m, far_m)
        self._camera = self._root.attachNewNode(Camera("camera"))
        self._camera.node().setLens(self._lens)
        buffer.makeDisplayRegion().setCamera(self._camera)

    def layer(self, name: str, order: int, depth: bool, transparent: bool = False) -> Layer:
        """Adds a layer (see `Layer`)."""
        return Layer(self._root, name, order, depth, transparent)

    def clear_colour(self, colour: Colour) -> None:
        """Sets the colour of pixels that nothing covers."""
        self._buffer.setClearColor((*map(float, colour), 1.0))

    def draw(self, camera: CameraPose) -> np.ndarray:
        """Draws all layers as `camera` sees them: uint8 RGB `height width 3`."""
        degrees = np.degrees
        self._lens.setFov(float(degrees(camera.horizontal_fov_rad)))
        self._camera.setPos(camera.x_m, camera.y_m, camera.z_m)
        self._camera.setHpr(float(degrees(camera.heading_rad)) - 90.0, float(degrees(camera.pitch_rad)), 0.0)
        self._buffer.setActive(True)
        self._engine.renderFrame()
        self._buffer.setActive(False)
        pixels = np.frombuffer(self._texture.getRamImage(), np.uint8).reshape(self._height, self._width, -1)
        to_rgb = cv2.COLOR_BGRA2RGB if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return cv2.flip(cv2.cvtColor(pixels, to_rgb), 0)


def _off_screen_pipe() -> GraphicsPipe | None:
    """Returns a pipe of the module that `load-display` names, if possible one that needs no window system."""
    selection = GraphicsPipeSelection.getGlobalPtr()
    selection.loadAuxModules()
    types = list(selection.getPipeTypes())
    for kind in sorted(types, key=lambda kind: "Offscreen" not in kind.getName()):
        graphics = selection.makePipe(kind)
        if graphics is not None:
            return graphics
    return None
