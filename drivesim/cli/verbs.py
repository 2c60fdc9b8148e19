"""How a verb shows its help: flags without a type, examples that can be copied, verbs in groups."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


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
    "validate": ("scenarios/cut_in_day.yaml", "scenarios/cut_in_day.yaml --strict --json"),
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
    ),
    "batch": (
        "scenarios/ --out out/nightly",
        "scenarios/ --out out/nightly --seeds 10 --dry-run",
        "scenarios/ --out /shared/nightly --ray auto",
    ),
    "render": ("out/dense_day_traffic.zarr --out rendered",),
    "inspect": ("out/dense_day_traffic.zarr", "out/dense_day_traffic.zarr --json"),
    "check": (
        "out/dense_day_traffic.zarr --read-data",
        "on_cuda/dense_day_traffic.zarr --against on_cpu/dense_day_traffic.zarr",
    ),
    "export": (
        "out/dense_day_traffic.zarr --format mp4 --out videos",
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
    "compress": ("checkpoints/mine --out checkpoints/mine_int8",),
    "doctor": ("", "--checkpoints checkpoints/mine"),
    "train chain": ("--data logs --out checkpoints/mine --minutes 600", "--data logs --out mine --minutes 600 --plan"),
    "evaluate frames": ("--data logs --out before.json", "--data logs --guidance 4 --out after.json"),
    "evaluate compare": ("before.json after.json",),
    "evaluate detection": ("--data logs --detector yolov8n.onnx --out detection.json",),
    "evaluate futures": ("--data logs --starts 16 --futures 4 --out futures.json --sheet futures.png",),
    "evaluate video": (
        "--data logs --work videos --out video.json",
        "out/dense_day_traffic.zarr --data logs --parts drift,vehicles --out drift.json",
    ),
    "evaluate interpolation": ("--data logs --rates 1 --out interpolation.json",),
    "evaluate decoder": ("--data logs --out decoder.json",),
    "evaluate upsampler": ("--data logs --low-res-tau 0,15,60,120 --out upsampler.json",),
    "evaluate steering": ("out/cut_in_day_0000.zarr",),
}
