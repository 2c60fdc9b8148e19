"""Layers of quads for the rasteriser (panda3d), drawn in a fixed order and rewritten in place for every frame.

panda3d only fills triangles with the colours of their corners, without lights, shaders or textures. Flat ground is
painted in order without a depth test, so that nothing flickers.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from panda3d.core import (
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
    """Returns a format with positions and colours in separate arrays, so that each is one block of memory."""
    positions, colours = GeomVertexArrayFormat(), GeomVertexArrayFormat()
    positions.addColumn(InternalName.getVertex(), 3, Geom.NT_float32, Geom.C_point)
    colours.addColumn(InternalName.getColor(), 4, Geom.NT_uint8, Geom.C_color)
    layout = GeomVertexFormat()
    layout.addArray(positions)
    layout.addArray(colours)
    return GeomVertexFormat.registerFormat(layout)


class Layer:
    """Quads that are drawn together, after all layers of a lower order.

    Args:
        root: The node of the world.
        name: Name of the layer.
        order: Position in the order of drawing.
        depth: Whether quads are hidden by nearer ones; opaque layers then write to the depth buffer.
        transparent: Whether the quads are blended by their opacity.
    """

    def __init__(self, root: NodePath, name: str, order: int, depth: bool, transparent: bool = False) -> None:
        self._geometry = GeomNode(name)
        self._geometry.setBounds(OmniBoundingVolume())
        self._geometry.setFinal(True)
        self.node = root.attachNewNode(self._geometry)
        self.node.setTwoSided(True)
        self.node.setBin("fixed", order)
        self.node.setDepthTest(depth)
        self.node.setDepthWrite(depth and not transparent)
        if transparent:
            self.node.setTransparency(TransparencyAttrib.MAlpha)
        self._num_corners = 0

    def show(self, vertices: np.ndarray, colours: np.ndarray) -> None:
        """Replaces the quads by vertices `4n 3` and RGBA bytes `4n 4`, four corners per quad."""
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


def _overwrite(array: Any, values: np.ndarray) -> None:
    memoryview(array).cast("B")[:] = np.ascontiguousarray(values).data.cast("B")
