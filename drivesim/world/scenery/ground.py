"""The flat ground of a world, in the order of painting: verges, pavements, side streets, road, kerbs, markings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.world.quads import FLOAT, Colour, QuadBuilder
from drivesim.world.scenery.markings import Markings, draw_markings, street_dashes
from drivesim.world.traffic.road import Road

UP = np.array([0, 0, 1], FLOAT)
WHITE = np.array([0.88, 0.88, 0.86], FLOAT)
YELLOW = np.array([0.86, 0.66, 0.14], FLOAT)
_KERB_M = 0.15
"""Distance from the edge of the road to the kerb."""


@dataclass(frozen=True)
class GroundColours:
    """Colours and widths that the parts of one world share."""

    land: Colour
    pavement: Colour
    asphalt: Colour
    centre_line: Colour
    pavement_m: float
    """Width of the pavement, or of the verge in the country."""


_LANDS = ((0.29, 0.41, 0.19), (0.36, 0.44, 0.22), (0.47, 0.43, 0.28), (0.52, 0.47, 0.34))
_LAND_PROBABILITIES = (0.45, 0.25, 0.2, 0.1)


def draw_ground_colours(rng: np.random.Generator) -> GroundColours:
    """Draws the colours of the ground and the width of the pavement."""
    land = np.array(_LANDS[rng.choice(len(_LANDS), p=_LAND_PROBABILITIES)]) * rng.uniform(0.85, 1.1)
    pavement = np.array([0.62, 0.60, 0.57]) * rng.uniform(0.82, 1.12) * rng.uniform(0.97, 1.03, 3)
    asphalt = np.array([0.300, 0.305, 0.320]) * rng.uniform(0.78, 1.25) * rng.uniform(0.98, 1.02, 3)
    return GroundColours(
        land=_colour(land),
        pavement=_colour(pavement),
        asphalt=_colour(asphalt),
        centre_line=_colour(YELLOW if rng.random() < 0.5 else WHITE),
        pavement_m=float(rng.uniform(2.6, 4.8)),
    )


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = values.tolist()
    return red, green, blue


def add_ground(ground: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> Markings:
    """Paints the ground from the outside to the middle of the road, and returns its lines."""
    _add_land(ground, road, colours, rng)
    _add_pavements(ground, road, colours, rng)
    _add_side_streets(ground, road, colours, rng)
    _add_road_surface(ground, road, colours, rng)
    if road.median_m:
        _add_median(ground, road, colours, rng)
    _add_kerbs(ground, road, colours)
    markings = draw_markings(road, rng)
    _add_lines(ground, road, colours, markings)
    _add_crossings(ground, road, rng)
    return markings


def _add_land(ground: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> None:
    stations = np.arange(0, road.length_m, 6.0)
    reach = np.array([1.5, 5, 10, 17, 27, 42])
    for side in (1, -1):
        offsets = road.edge_m(side) + side * (colours.pavement_m + reach)
        quads = road.strip(stations, offsets)
        patch = 1 + 0.07 * _smooth_noise(rng, (len(stations), len(offsets)))
        patch[:, -1] = 1.0
        ground.add(quads, np.array(colours.land, FLOAT) * _corners(patch), normals=UP)


def _add_pavements(ground: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> None:
    stations = np.arange(0, road.length_m, 3.0)
    land, pavement = np.array(colours.land, FLOAT), np.array(colours.pavement, FLOAT)
    surface = pavement if road.urban else land * 0.92 + np.array([0.05, 0.045, 0.03], FLOAT)
    for side in (1, -1):
        near, far = road.edge_m(side) + side * np.array([_KERB_M, colours.pavement_m + 1.6])
        offsets = np.linspace(near, far, 4)
        quads = road.strip(stations, offsets)
        slabs = rng.normal(1, 0.02, (len(quads), 1)) if road.urban else rng.normal(1, 0.012, (len(quads), 1))
        ground.add(quads, surface * slabs, normals=UP)
        if not road.urban:
            gravel = road.strip(stations, [near, near + side * 0.6])
            ground.add(gravel, np.array([0.45, 0.43, 0.39], FLOAT), normals=UP)


def _add_side_streets(ground: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> None:
    asphalt = np.array(colours.asphalt, FLOAT) * 0.96
    for street in road.side_streets:
        for side in (1, -1):
            if not street.opens_to(side):
                continue
            edge, half = road.edge_m(side), street.half_width_m
            across = street.station_m + np.array([-half - 2.2, -half, -half / 2, 0, half / 2, half, half + 2.2])
            along = edge + side * np.array([-0.2, 2, 5, 9, 14, 20, 28, 38, 50, 70, street.length_m + 25])
            walk = colours.pavement if road.urban else np.array(colours.land) * 0.9
            ground.add(road.strip(across[[0, 1]], along[2:]), np.array(walk, FLOAT), normals=UP)
            ground.add(road.strip(across[[5, 6]], along[2:]), np.array(walk, FLOAT), normals=UP)
            ground.add(road.strip(across[1:6], along), asphalt, normals=UP)
            for corner in (-1, 1):
                kerb = street.station_m + corner * half
                mouth = edge + side * np.array([_KERB_M, 2.5])
                fillet = road.position(
                    [[kerb, kerb + corner * 2.5, kerb, kerb]], [[mouth[0], mouth[0], mouth[1], mouth[1]]]
                )
                ground.add(fillet[0], asphalt, normals=UP)
            middle = street.station_m
            near, far = np.transpose(street_dashes(road, street, side))
            ground.add(road.patches(middle - 0.07, middle + 0.07, near, far), WHITE, normals=UP)
            lane = np.array([-half + 0.3, -0.2]) if side > 0 else np.array([0.2, half - 0.3])
            stop = edge + side * np.array([3.0, 3.4])
            ground.add(road.patches(middle + lane[0], middle + lane[1], stop[0], stop[1]), WHITE, normals=UP)


def _add_road_surface(ground: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> None:
    """Adds asphalt with darker wheel tracks, old repairs and a slow change of tone."""
    right, left = road.right_edge_m - _KERB_M, road.left_edge_m + _KERB_M
    stations = np.arange(0, road.length_m, 2.0)
    offsets = np.linspace(right, left, max(3, int(np.ceil((left - right) / (road.lane_width_m / 4)))))
    phase = (np.abs(offsets) - road.median_m / 2) / road.lane_width_m
    tracks = 1 + 0.045 * np.cos(4 * np.pi * phase)
    tone = 1 + 0.05 * _smooth_noise(rng, (len(stations), 1), passes=10)
    grain = 1 + 0.012 * rng.standard_normal((len(stations), len(offsets)))
    asphalt = np.array(colours.asphalt, FLOAT)
    ground.add(road.strip(stations, offsets), asphalt * _corners(tone * tracks * grain), normals=UP)
    repairs = int(rng.integers(0, int(road.length_m / 40)))
    start = rng.uniform(0, road.length_m - 12, repairs)
    near = rng.uniform(right + 0.6, max(right + 0.7, left - 2.2), repairs)
    quads = road.patches(start, start + rng.uniform(1.5, 9, repairs), near, near + rng.uniform(0.5, 1.6, repairs))
    ground.add(quads, asphalt * rng.uniform(0.80, 1.12, (repairs, 1)), normals=UP)


def _add_median(ground: QuadBuilder, road: Road, colours: GroundColours, rng: np.random.Generator) -> None:
    start = np.arange(0, road.length_m - 2, 2.0)
    start = start[~road.in_side_street(start + 1, 0, 4.0)]
    half = road.median_m / 2 - 0.15
    ground.add(road.patches(start, start + 2, -half - 0.15, half + 0.15), np.array([0.70, 0.69, 0.67]), normals=UP)
    planted = np.array(colours.land) if rng.random() < 0.6 else np.array(colours.pavement) * 0.85
    ground.add(road.patches(start, start + 2, -half, half), planted.astype(FLOAT), normals=UP)


def _add_kerbs(ground: QuadBuilder, road: Road, colours: GroundColours) -> None:
    if not road.urban:
        return
    start = np.arange(0, road.length_m - 2, 2.0)
    stone = np.minimum(np.array(colours.pavement) * 1.14, 0.85)
    for side in (1, -1):
        kerb = road.edge_m(side) + side * _KERB_M
        keep = start[~road.in_side_street(start + 1, side, 1.6)]
        ground.add(road.patches(keep, keep + 2, kerb - side * 0.07, kerb), stone * 0.55, normals=UP)
        ground.add(road.patches(keep, keep + 2, kerb, kerb + side * 0.24), stone, normals=UP)


def _add_lines(ground: QuadBuilder, road: Road, colours: GroundColours, markings: Markings) -> None:
    for line in markings.lines:
        right, left = line.offset_m - line.width_m / 2, line.offset_m + line.width_m / 2
        quads = road.patches(line.start_m, line.start_m + line.piece_m, right, left)
        colour = colours.centre_line if line.middle else WHITE
        ground.add(quads, np.asarray(colour, FLOAT) * markings.worn, normals=UP)


def _add_crossings(ground: QuadBuilder, road: Road, rng: np.random.Generator) -> None:
    """Adds zebra crossings and stop lines at side streets."""
    for street in road.side_streets:
        near = street.station_m - street.half_width_m
        far = street.station_m + street.half_width_m
        if rng.random() < 0.6:
            bars = np.arange(road.right_edge_m + 0.4, road.left_edge_m - 0.6, 1.0)
            ground.add(road.patches(near - 4.2, near - 1.4, bars, bars + 0.5), WHITE * 0.96, normals=UP)
            if rng.random() < 0.6:
                ground.add(road.patches(far + 1.4, far + 4.2, bars, bars + 0.5), WHITE * 0.96, normals=UP)
        right, left = road.right_edge_m + 0.3, -road.median_m / 2 - 0.2
        ground.add(road.patches(near - 5.6, near - 5.2, right, left), WHITE * 0.96, normals=UP)
        if road.lanes_backward:
            right, left = road.median_m / 2 + 0.2, road.left_edge_m - 0.3
            ground.add(road.patches(far + 5.2, far + 5.6, right, left), WHITE * 0.96, normals=UP)


def _corners(grid: np.ndarray) -> np.ndarray:
    """Returns the values of a grid `stations offsets` at the corners of the quads of `Road.strip`: `n 4 1`."""
    quads = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], -1)
    return quads.reshape(-1, 4, 1).astype(FLOAT)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], passes: int = 2) -> np.ndarray:
    """Returns noise of about unit size that changes slowly along the stations."""
    noise = rng.standard_normal(shape)
    for _ in range(passes):
        padded = np.concatenate([noise[:1], noise, noise[-1:]])
        noise = padded[:-2] * 0.25 + padded[1:-1] * 0.5 + padded[2:] * 0.25
    return noise / (noise.std() + 1e-9)
