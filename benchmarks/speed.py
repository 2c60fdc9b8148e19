"""Speed in one process: our video U-Net beside that of diffusers, stages beside the matmul peak, and rollouts.

python benchmarks/speed.py [--parts peer,stages,rollout,growth,workers,paper] [--threads 1] [--device cpu] [--steps 5]
                           [--checkpoints checkpoints/demo] [--precision float32] [--growth-windows 8] [--seconds 4]

peer     A step of the prediction network and one of diffusers' UNetSpatioTemporalConditionModel, turn about, with the
         same channels and with as many parameters; and ours with temporal kernels of (3,1,1) in place of 3x3x3.
stages   Work of one call of each stage, frames per second, and its share of the measured matmul peak.
rollout  Time and memory of each stage and window of a rollout (the tables of rollout.py).
growth   Time and memory of each window of a long rollout before the upsampler: both should be flat.
workers  Two futures of `--seconds` by one and by two processes that have loaded and used their models before: clock and
         processor, frames per second, futures per hour; written and previewed as `drivesim rollout` does.
paper    A step of the prediction network of preset `paper`; meant for a GPU.

On a CPU, seconds are those of the processor, which other processes on the machine disturb less; on a GPU they are those
of the clock, after the GPU has finished. The best of all steps counts, the median stands beside it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import torch
from peak_memory import begin_peak, peak_gib
from peer_unet import PeerShape, num_parameters, peer_step, peer_unet, widths_nearest
from rich.console import Console
from rich.table import Table
from rollout import measure, untrained
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from drivesim.allocator import keep_freed_memory
from drivesim.assets import default_checkpoints
from drivesim.engine import Engine, EngineSettings, settings_named
from drivesim.models.checkpoints import CheckpointSet
from drivesim.models.conditioning import Conditioning, LowResolution
from drivesim.models.networks import build
from drivesim.models.precision import BFLOAT16, FLOAT32, PRECISIONS, compute_in_bfloat16
from drivesim.models.presets import Preset, demo, paper
from drivesim.rollout.arithmetic import fix_arithmetic
from drivesim.rollout.job import RolloutJob
from drivesim.rollout.running import run_rollout
from drivesim.scenario import Scenario

PARTS = ("peer", "stages", "rollout", "growth", "workers", "paper")
_MATMUL = 2048
_SHORTEST_S = 0.4


@dataclass(frozen=True)
class Meter:
    """Measures calls on a device.

    device: `cpu` or `cuda`.
    steps: how often each call is measured, after one that is not.
    precision: number format of the networks and of the matmul peak.
    """

    device: str
    steps: int
    precision: str

    def now(self) -> float:
        """Seconds of the processor, or of the clock once the GPU has finished."""
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def turn_about(self, calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
        """Seconds of each call, measured in turn so that a busy machine disturbs all of them alike."""
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for call in calls.values():
            call()
        for _ in range(self.steps):
            for name, call in calls.items():
                begun = self.now()
                call()
                seconds[name].append(self.now() - begun)
        return seconds

    def peak_flops(self) -> float:
        """Operations per second of a large matrix product."""
        kind = torch.bfloat16 if self.precision == BFLOAT16 else torch.float32
        a = torch.randn(_MATMUL, _MATMUL, device=self.device, dtype=kind)
        return 2 * _MATMUL**3 / min(self.turn_about({"product": lambda: a @ a})["product"])

    def ready(self, network: nn.Module) -> nn.Module:
        """A network in the precision, on the device."""
        network = network.eval().requires_grad_(False).to(self.device)
        return compute_in_bfloat16(network) if self.precision == BFLOAT16 else network


def flops_of(call: Callable[[], object]) -> int:
    """Operations of a call, a multiplication and an addition counted as two."""
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())


def video_step(preset: Preset, role: str, meter: Meter, frames: int, clips: int = 1) -> tuple[nn.Module, Callable]:
    """The network of a latent video stage, and a call of it on `clips` clips of `frames` frames."""
    network = meter.ready(build(role, preset))
    height, width = (side // preset.autoencoder.factor for side in (preset.video.low_height, preset.video.low_width))
    x = torch.randn(clips, frames, preset.image.in_channels, height, width, device=meter.device)
    tau = torch.full((clips,), 500, device=meter.device)
    return network, lambda: network(x, tau, Conditioning())


def peer_table(preset: Preset, meter: Meter) -> Table:
    """Our step beside those of the peer."""
    frames = preset.video.keyframes_per_window
    ours, call = video_step(preset, "prediction", meter, frames)
    plain = replace(preset, prediction=replace(preset.prediction, spatial_kernel=1))
    thin, thin_call = video_step(plain, "prediction", meter, frames)
    height, width = (side // preset.autoencoder.factor for side in (preset.video.low_height, preset.video.low_width))
    shape = PeerShape(frames, preset.image.in_channels, height, width, preset.image.blocks_per_level)
    same = tuple(preset.image.base_channels * m for m in preset.image.multipliers)
    equal = widths_nearest(num_parameters(ours), len(same), shape)
    kind = torch.bfloat16 if meter.precision == BFLOAT16 else torch.float32
    x = torch.randn(1, frames, shape.channels, height, width, device=meter.device, dtype=kind)
    networks: dict[str, nn.Module] = {"ours": ours, "ours, temporal kernels (3,1,1)": thin}
    calls = {"ours": call, "ours, temporal kernels (3,1,1)": thin_call}
    for widths, what in ((same, "equal channels"), (equal, "equal parameters")):
        name = f"diffusers, {what} {widths}"
        networks[name] = peer_unet(widths, shape).to(meter.device, kind)
        calls[name] = lambda network=networks[name]: peer_step(network, x)
    seconds, peak = meter.turn_about(calls), meter.peak_flops()
    table = _table(
        f"step of the video U-Net, {frames} frames",
        *("network", "parameters M", "GFLOP", "s best", "s median", "frames/s", "share of peak", "to ours"),
    )
    for name, of_call in seconds.items():
        work, best = flops_of(calls[name]), min(of_call)
        numbers = (num_parameters(networks[name]) / 1e6, work / 1e9, best, median(of_call), frames / best)
        numbers = (*numbers, work / best / peak)
        table.add_row(name, *(f"{value:.3g}" for value in numbers), f"{best / min(seconds['ours']):.2f}x")
    return table


def stage_table(preset: Preset, meter: Meter) -> Table:
    """Work and speed of one call of each stage, at the sizes of a rollout of preset `fast`."""
    video, peak = preset.video, meter.peak_flops()
    ends, fine = video.interpolation_factor + 1, video.gaps_per_window * video.interpolation_factor
    clips, keyframes = video.gaps_per_window, video.keyframes_per_window
    calls: dict[str, tuple[int, Callable]] = {
        "image, 1 frame": (1, video_step(preset, "image", meter, 1)[1]),
        f"prediction, {keyframes} frames": (clips, video_step(preset, "prediction", meter, keyframes)[1]),
        f"interpolation, {clips} clips of {ends}": (
            fine,
            video_step(preset, "interpolation", meter, ends, clips)[1],
        ),
    }
    decoder = meter.ready(build("decoder", preset))
    latents = torch.randn(
        1,
        fine,
        preset.image.in_channels,
        video.low_height // preset.autoencoder.factor,
        video.low_width // preset.autoencoder.factor,
        device=meter.device,
    )
    calls[f"decoder, {fine} frames"] = fine, lambda: decoder.decode(latents)
    block = settings_named("fast").upsampler
    calls |= {
        f"{role}, {frames} frames": (used, _upsampler_call(preset, role, meter, frames))
        for role, used, frames in (
            ("upsampler_image", 1, 1),
            ("upsampler", block.block_frames, block.block_frames + 2 * block.block_context),
        )
    }
    table = _table("one call of each stage", "stage", "GFLOP", "s best", "frames/s", "GFLOP/s", "share of peak")
    for name, of_call in meter.turn_about({name: call for name, (_, call) in calls.items()}).items():
        (frames, call), best = calls[name], min(of_call)
        work = flops_of(call)
        numbers = (work / 1e9, best, frames / best, work / best / 1e9, work / best / peak)
        table.add_row(name, *(f"{value:.3g}" for value in numbers))
    table.caption = f"matmul peak {peak / 1e9:.0f} GFLOP/s; frames that a call adds to a video, context left out"
    return table


def _upsampler_call(preset: Preset, role: str, meter: Meter, frames: int) -> Callable:
    network, video, factor = meter.ready(build(role, preset)), preset.video, preset.upsampler.factor
    small = torch.randn(1, frames, 3, video.low_height, video.low_width, device=meter.device)
    x = torch.randn(1, frames, 3, factor * video.low_height, factor * video.low_width, device=meter.device)
    tau = torch.full((1,), 500, device=meter.device)
    return lambda: network(x, tau, Conditioning(low_res=LowResolution(small, tau)))


def growth_table(engine: Engine, settings: EngineSettings, num_windows: int, meter: Meter) -> Table:
    """Seconds and resident memory of each window of one future before the upsampler."""
    window_s = engine.video.gaps_per_window / engine.video.keyframe_fps
    scenario = Scenario(format=1, name="long", time_of_day="day", duration_s=num_windows * window_s)
    future, previous = engine.future(scenario, settings=settings), None
    table = _table("windows of a long rollout", "window", "s", "peak GiB")
    for window in range(num_windows):
        begin_peak(meter.device)
        begun = meter.now()
        latents = future.predict(window, previous).latents
        future.low_resolution(window, latents, previous)
        previous = latents
        table.add_row(str(window), f"{meter.now() - begun:.2f}", f"{peak_gib(meter.device):.3f}")
    return table


@dataclass(frozen=True)
class Share:
    """What one process makes: some futures of a scenario, each in an archive of its own.

    futures: their numbers.
    seconds: length of each.
    out: folder of the archives and previews.
    """

    futures: range
    seconds: float
    out: Path
    checkpoints: Path
    device: str
    precision: str


def make_share(share: Share, connection: Connection) -> None:
    """Loads and uses the models, says so, makes the futures when asked, and sends its processor seconds."""
    keep_freed_memory()
    fix_arithmetic(1)
    engine = Engine.load(share.checkpoints, share.device, 1)

    def make(name: str, seconds: float, seed: int) -> None:
        scenario = Scenario(format=1, name=name, time_of_day="day", duration_s=seconds)
        job = RolloutJob(
            scenario, share.out, share.checkpoints, seed, 1, device=share.device, precision=share.precision
        )
        for _ in run_rollout(job, engine):
            pass

    make("warm", _SHORTEST_S, 0)
    connection.send(None)
    connection.recv()
    begun = time.process_time()
    for future in share.futures:
        make(f"future{future}", share.seconds, future)
    connection.send(time.process_time() - begun)


def workers_table(checkpoints: Path, device: str, precision: str, seconds: float) -> Table:
    """Two futures by one and by two processes with loaded models."""
    columns = "processes", "clock s", "CPU s", "frames/s", "futures per hour"
    table = _table(f"two futures of {seconds:g} s, models loaded", *columns)
    video, context = CheckpointSet.open(checkpoints).preset.video, multiprocessing.get_context("spawn")
    frames = 2 * round(seconds * video.keyframe_fps * video.interpolation_factor)
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            pipes, processes = [], []
            for worker in range(workers):
                ours, theirs = context.Pipe()
                futures = range(worker, 2, workers)
                share = Share(futures, seconds, Path(folder) / str(worker), checkpoints, device, precision)
                processes.append(context.Process(target=make_share, args=(share, theirs), daemon=True))
                processes[-1].start()
                theirs.close()
                pipes.append(ours)
            for pipe in pipes:
                pipe.recv()  # its models are loaded; EOFError if it died
            begun = time.perf_counter()
            for pipe in pipes:
                pipe.send(None)
            cpu_s = sum(pipe.recv() for pipe in pipes)
            clock_s = time.perf_counter() - begun
            for process in processes:
                process.join()
        numbers = f"{clock_s:.1f}", f"{cpu_s:.1f}", f"{frames / clock_s:.3g}", f"{2 * 3600 / clock_s:.0f}"
        table.add_row(str(workers), *numbers)
    table.caption = "the clock counts what other processes on the machine do, the processor does not"
    return table


def paper_table(meter: Meter) -> Table:
    """A step of the prediction network at the scale of the paper."""
    preset = paper()
    network, call = video_step(preset, "prediction", meter, preset.video.keyframes_per_window)
    best, work = min(meter.turn_about({"step": call})["step"]), flops_of(call)
    table = _table("preset paper, prediction", "parameters M", "GFLOP", "s best", "frames/s", "share of peak")
    frames_per_s = preset.video.keyframes_per_window / best
    numbers = (num_parameters(network) / 1e6, work / 1e9, best, frames_per_s, work / best / meter.peak_flops())
    table.add_row(*(f"{value:.4g}" for value in numbers))
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", caption_justify="left")


def main() -> None:
    """A table for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="peer,stages,rollout,growth,workers")
    parser.add_argument("--checkpoints", type=Path, default=default_checkpoints())
    parser.add_argument("--precision", default=FLOAT32, choices=PRECISIONS)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--growth-windows", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="Length of the futures of `workers`.")
    options = parser.parse_args()
    parts = options.parts.split(",")
    if unknown := sorted(set(parts) - set(PARTS)):
        parser.error(f"--parts: expected some of {', '.join(PARTS)}, got {', '.join(unknown)}")

    keep_freed_memory()
    torch.set_num_threads(options.threads)
    meter = Meter(options.device, options.steps, options.precision)
    console = Console(width=120)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        trained = (options.checkpoints / "manifest.json").is_file()
        preset = CheckpointSet.open(options.checkpoints).preset if trained else demo()
        console.print(f"torch {torch.__version__}, {options.device}, {options.precision}, {options.threads} threads")
        if "peer" in parts:
            console.print(peer_table(preset, meter))
        if "stages" in parts:
            console.print(stage_table(preset, meter))
        if {"rollout", "growth", "workers"} & set(parts):
            checkpoints = options.checkpoints if trained else untrained(Path(folder))
            settings = replace(settings_named("fast"), precision=options.precision)
            engine = Engine.load(checkpoints, options.device, options.threads)
            if "rollout" in parts:
                scenario = Scenario(format=1, name="bench", time_of_day="day", duration_s=60.0)
                console.print(*measure(engine, scenario, settings, 2))
            if "growth" in parts:
                console.print(growth_table(engine, settings, options.growth_windows, meter))
            if "workers" in parts:
                console.print(workers_table(checkpoints, options.device, options.precision, options.seconds))
        if "paper" in parts:
            console.print(paper_table(meter))


if __name__ == "__main__":
    main()
