"""Rendering: the light and air of a world, computed with numpy, and the rasteriser, panda3d."""
