"""How a verb shows its help: flags without a type, examples that can be copied, verbs in groups."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from drivesim.errors import InputError

CONTINUED = frozenset({"rollout", "render", "batch", "record", "ingest", "train", "adapt"})
"""Verbs that continue when the same command is run again after an interruption."""


def _plain(parameters: list[Any]) -> list[Any]:
    """Flags take no value, so that no type stands beside them."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


class VerbCommand(TyperCommand):
    """A verb."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line; raises InputError if a path is empty, which would mean the current folder."""
        if "" in args or any(arg.startswith("--") and arg.endswith("=") for arg in args):
            self._refuse_empty_paths(ctx, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Does what the verb does; after Ctrl-C it says whether the same command continues."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if CONTINUED.intersection(ctx.command_path.split()):
                typer.echo("interrupted; run the same command again, it continues from here", err=True)
            raise

    def _refuse_empty_paths(self, ctx: Any, args: list[str]) -> None:
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        kinds = typing.get_type_hints(inspect.unwrap(self.callback or (lambda: None)))
        for parameter in self.get_params(ctx):
            value = given.get(parameter.name)
            values = [value] if isinstance(value, str) else value
            if _holds_paths(kinds.get(parameter.name)) and isinstance(values, list | tuple) and "" in values:
                name = parameter.opts[0] if isinstance(parameter, TyperOption) else parameter.name.upper()
                raise InputError(f"{name}: expected a folder or a file, got an empty text; is a variable unset?")


def _holds_paths(kind: Any) -> bool:
    """Returns whether values of a type are paths, such as `Path | None` and `list[Path]`."""
    return kind is Path or any(map(_holds_paths, typing.get_args(kind)))


class VerbGroup(TyperGroup):
    """A verb that has verbs of its own."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


def examples(verb: str) -> str | None:
    """Returns the examples of a verb as they stand below its help; None if it has none."""
    lines = EXAMPLES.get(verb)
    return None if lines is None else "\n\n".join(["Examples:", *(f"drivesim {verb} {line}".strip() for line in lines)])


EXAMPLES: dict[str, tuple[str, ...]] = {
    "new": ("my_cut_in --template cut_in_day", "--list"),
    "validate": ("scenarios/cut_in_day.yaml", "scenarios/ --strict --json"),
    "schema": ("",),
    "import": ("cut_in.xosc --out scenarios", "cut_in.xosc --ego Ego"),
    "expand": ("scenarios/cut_in_day.yaml --out cases", "scenarios/cut_in_day.yaml --count"),
    "preview": ("scenarios/cut_in_day.yaml --out previews", "scenarios/cut_in_day.yaml --coco --openlabel"),
    "compose": (
        "scenarios/dense_day_traffic.yaml --out first.png",
        "scenarios/cut_in_day.yaml --index 3 --out first.png --gate 4",
    ),
    "rollout": (
        "scenarios/dense_day_traffic.yaml --out out",
        "scenarios/dense_day_traffic.yaml --out out --futures 4 --preset quality",
        "scenarios/dense_day_traffic.yaml --out out --future 1",
    ),
    "batch": (
        "scenarios/ --out out/nightly",
        "scenarios/ --out out/nightly --seeds 10 --dry-run",
        "scenarios/ --out /shared/nightly --ray auto",
    ),
    "ui": ("--out out", "--out out --port 8000 --checkpoints checkpoints/mine"),
    "render": ("out/dense_day_traffic.zarr --out rendered", "out/dense_day_traffic.zarr --out seen --keyframes"),
    "inspect": ("out/dense_day_traffic.zarr", "out/dense_day_traffic.zarr --json"),
    "check": (
        "out/dense_day_traffic.zarr --read-data",
        "on_cuda/dense_day_traffic.zarr --against on_cpu/dense_day_traffic.zarr",
    ),
    "export": (
        "out/dense_day_traffic.zarr --format mp4 --out videos",
        "out/cut_in_day.zarr --format mp4 --boxes --out videos",
        "out/dense_day_traffic.zarr --format rerun --out recordings --future 0",
    ),
    "record": (
        "--out logs/clips --minutes 10 --seed 1",
        "--out logs/stills --minutes 10 --seed 1 --stills",
        "--out data --minutes 10 --stills --packed --size 512x1024,256x512,128x256",
    ),
    "ingest": (
        "video recordings --out logs --held-out drive_4",
        "nuscenes /data/nuscenes --out logs --workers 8",
        "bdd100k labels/box_track_20/val --media images/track/val --out logs",
    ),
    "adapt": (
        "logs --out checkpoints/mine --minutes 60 --held-out drive_4",
        "logs --out checkpoints/mine --minutes 60 --plan",
        "logs --out checkpoints/mine --minutes 10 --stage autoencoder",
    ),
    "compress": ("checkpoints/mine --out checkpoints/mine_int8",),
    "doctor": ("", "--checkpoints checkpoints/mine"),
    "train chain": ("--data logs --out checkpoints/mine --minutes 600", "--data logs --out mine --minutes 600 --plan"),
    "train average": ("image --out checkpoints/mine --length 0.07",),
    "evaluate frames": ("--data logs --out before.json", "--data logs --guidance 4 --out after.json"),
    "evaluate compare": ("before.json after.json",),
    "evaluate detection": ("--data logs --detector yolov8n.onnx --out detection.json",),
    "evaluate futures": ("--data logs --starts 16 --futures 4 --out futures.json --sheet futures.png",),
    "evaluate reconstruction": ("--data logs --checkpoints checkpoints/mine --samples 100",),
    "evaluate adherence": ("--data logs --samples 100", "--data logs --gate 4 --out adherence.json"),
    "evaluate crowdedness": ("--data logs", "--data logs --no-layouts"),
    "evaluate vehicle_detector": ("--data logs --samples 500",),
    "evaluate road": (
        "--data logs",
        "--data logs --conditions boxes,time_of_day",
        "out/cut_in_day.zarr --data logs --out road.json",
    ),
    "evaluate attributes": ("--data logs --out attributes.json", "--data new_logs --split all --renders logs"),
    "evaluate sheet": ("--data logs --samples 16 --out sheet.png",),
    "evaluate video": (
        "--data logs --work videos --out video.json",
        "out/dense_day_traffic.zarr --data logs --parts drift,vehicles --out drift.json",
    ),
    "evaluate interpolation": ("--data logs --rates 1 --out interpolation.json",),
    "evaluate decoder": ("--data logs --out decoder.json",),
    "evaluate upsampler": ("--data logs --low-res-tau 0,15,60,120 --out upsampler.json",),
    "evaluate steering": ("out/cut_in_day_0000.zarr",),
}
