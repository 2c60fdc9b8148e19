"""The scenery of a world: ground, buildings, trees and street furniture along a road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.quads import FLOAT, QuadBuilder, QuadMesh
from drivesim.world.scenery.buildings import add_buildings
from drivesim.world.scenery.ground import add_ground, draw_ground_colours
from drivesim.world.scenery.markings import Markings
from drivesim.world.scenery.occluders import Occluders
from drivesim.world.scenery.roadside import add_furniture
from drivesim.world.scenery.trees import add_trees
from drivesim.world.traffic.road import Road


@dataclass(frozen=True, eq=False)
class Scenery:
    """The part of a world that does not move.

    Attributes:
        ground: Flat quads, which are painted in order.
        objects: Solids with outward faces.
        shadows: Shadows of trees on the ground by day.
        lamps: Places of the street lamps, `k 3`.
        lamp_colour: Colour of their light, `3`.
        land: Colour of the plain around, `3`.
        urban: Whether the road is in a town.
        markings: The painted lines of the road.
        occluders: What can hide vehicles.
    """

    ground: QuadMesh
    objects: QuadMesh
    shadows: QuadMesh
    lamps: np.ndarray
    lamp_colour: np.ndarray
    land: np.ndarray
    urban: bool
    markings: Markings
    occluders: Occluders


def build_scenery(road: Road, rng: np.random.Generator) -> Scenery:
    """Draws the scenery along a road."""
    ground, objects, shadows = QuadBuilder(), QuadBuilder(), QuadBuilder()
    colours = draw_ground_colours(rng)
    markings = add_ground(ground, road, colours, rng)
    occluders = [add_buildings(objects, road, colours, rng)]
    occluders.append(add_trees(objects, shadows, road, colours, rng))
    furniture, lamps, lamp_colour = add_furniture(objects, road, rng)
    occluders.append(furniture)
    return Scenery(
        ground=ground.build(),
        objects=objects.build(),
        shadows=shadows.build(),
        lamps=lamps,
        lamp_colour=lamp_colour,
        land=np.array(colours.land, FLOAT),
        urban=road.urban,
        markings=markings,
        occluders=Occluders.joined(occluders),
    )
