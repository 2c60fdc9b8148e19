"""Layers of quads for the rasteriser (panda3d): drawn in a fixed order, rewritten in place for every frame.

panda3d only fills triangles with the colours of their corners: no lights, no shaders, no textures. Flat ground is
painted in order without a depth test, so that nothing flickers.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from panda3d.core import (
    ColorBlendAttrib,
    Geom,
    GeomNode,
    GeomTriangles,
    GeomVertexArrayFormat,
    GeomVertexData,
    GeomVertexFormat,
    InternalName,
    NodePath,
    OmniBoundingVolume,
    TransparencyAttrib,
)

_CORNERS_OF_TRIANGLES = np.array([0, 1, 2, 0, 2, 3], np.uint32)


@cache
def _vertex_format() -> GeomVertexFormat:
    """Positions and colours in arrays of their own, so that each is one block of memory."""
    positions, colours = GeomVertexArrayFormat(), GeomVertexArrayFormat()
    positions.addColumn(InternalName.getVertex(), 3, Geom.NT_float32, Geom.C_point)
    colours.addColumn(InternalName.getColor(), 4, Geom.NT_uint8, Geom.C_color)
    layout = GeomVertexFormat()
    layout.addArray(positions)
    layout.addArray(colours)
    return GeomVertexFormat.registerFormat(layout)


class Layer:
    """Quads that are drawn together, after all layers of a lower `order`.

    `blend` is None (opaque), `alpha` or `add`; only opaque layers with `depth` write to the depth buffer.
    """

    def __init__(self, root: NodePath, name: str, order: int, depth: bool, blend: str | None = None) -> None:
        self._geometry = GeomNode(name)
        self._geometry.setBounds(OmniBoundingVolume())
        self._geometry.setFinal(True)
        self.node = root.attachNewNode(self._geometry)
        self.node.setTwoSided(True)
        self.node.setBin("fixed", order)
        self.node.setDepthTest(depth)
        self.node.setDepthWrite(depth and blend is None)
        if blend == "alpha":
            self.node.setTransparency(TransparencyAttrib.MAlpha)
        if blend == "add":
            one = ColorBlendAttrib.OOne
            self.node.setAttrib(ColorBlendAttrib.make(ColorBlendAttrib.MAdd, one, one))
        self._num_corners = 0

    def show(self, vertices: np.ndarray, colours: np.ndarray) -> None:
        """Replace the quads: vertices (4n 3) float32 and RGBA bytes (4n 4), four corners after four corners."""
        if len(vertices) != self._num_corners:
            self._resize(len(vertices))
        if self._num_corners == 0:
            return
        data = self._geometry.modifyGeom(0).modifyVertexData()
        _overwrite(data.modifyArray(0), vertices.astype(np.float32, copy=False))
        _overwrite(data.modifyArray(1), colours)

    def _resize(self, num_corners: int) -> None:
        self._geometry.removeAllGeoms()
        self._num_corners = num_corners
        if num_corners == 0:
            return
        data = GeomVertexData("quads", _vertex_format(), Geom.UHDynamic)
        data.uncleanSetNumRows(num_corners)
        triangles = GeomTriangles(Geom.UHStatic)
        triangles.setIndexType(Geom.NT_uint32)
        indices = np.arange(0, num_corners, 4, dtype=np.uint32)[:, None] + _CORNERS_OF_TRIANGLES
        array = triangles.modifyVertices()
        array.uncleanSetNumRows(indices.size)
        _overwrite(array, indices)
        geometry = Geom(data)
        geometry.addPrimitive(triangles)
        self._geometry.addGeom(geometry)


def _overwrite(array, values: np.ndarray) -> None:
    memoryview(array).cast("B")[:] = memoryview(np.ascontiguousarray(values)).cast("B")
