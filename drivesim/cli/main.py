"""The program `drivesim`: its verbs, and the one place where errors become a line and an exit code.

The modules of verbs import nothing heavy at the top, so that `drivesim --help` answers at once.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from drivesim import __version__, durable
from drivesim.allocator import keep_freed_memory
from drivesim.cli.adapt import adapt
from drivesim.cli.batch.batch import batch
from drivesim.cli.check import check
from drivesim.cli.completion import answer
from drivesim.cli.compose import compose
from drivesim.cli.compress import compress
from drivesim.cli.doctor import doctor
from drivesim.cli.evaluate.evaluate import app as evaluate
from drivesim.cli.expand import expand
from drivesim.cli.export import export
from drivesim.cli.import_scenario import import_scenario
from drivesim.cli.ingest import ingest
from drivesim.cli.inspect import inspect
from drivesim.cli.lines import log_in_lines, say
from drivesim.cli.new import new
from drivesim.cli.preview import preview
from drivesim.cli.record import record
from drivesim.cli.render import render
from drivesim.cli.rollout import rollout
from drivesim.cli.schema import schema
from drivesim.cli.train.train import app as train
from drivesim.cli.ui import ui
from drivesim.cli.validate import validate
from drivesim.cli.verbs import VerbCommand, VerbGroup, examples
from drivesim.errors import DrivesimError, InputError
from drivesim.waiting import wait_passively

INTERRUPTED = 130
# Failures of the machine that are no mistake in what was asked for.
_MACHINE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM)


app = typer.Typer(
    name="drivesim",
    help="Turn scenario files into driving video, for testing automated-driving software.",
    cls=VerbGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"drivesim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


_VERBS: dict[str, dict[str, Callable[..., None]]] = {
    "Scenarios": {
        "new": new,
        "validate": validate,
        "schema": schema,
        "import": import_scenario,
        "expand": expand,
        "preview": preview,
    },
    "Video": {"compose": compose, "rollout": rollout, "batch": batch, "render": render, "ui": ui},
    "Archives": {"inspect": inspect, "check": check, "export": export},
    "Footage and models": {"record": record, "ingest": ingest, "adapt": adapt, "compress": compress},
    "This machine": {"doctor": doctor},
}
for _panel, _verbs in _VERBS.items():
    for _name, _verb in _verbs.items():
        app.command(_name, cls=VerbCommand, rich_help_panel=_panel, epilog=examples(_name))(_verb)
app.add_typer(train, name="train", cls=VerbGroup, rich_help_panel="Footage and models")
app.add_typer(evaluate, name="evaluate", cls=VerbGroup, rich_help_panel="Footage and models")


def main() -> NoReturn:
    """Runs the command line and exits. A user's mistake gives one line, or one per mistake in a scenario."""
    answer(app)
    keep_freed_memory()
    log_in_lines()
    wait_passively()
    try:
        app(prog_name="drivesim")
    except DrivesimError as error:
        typer.echo(error.explained(), err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno is None:
            raise
        unsynced = isinstance(error, durable.SyncError)
        reason = f"{error.strerror}; {durable.advice(error)}" if unsynced else error.strerror
        say(f"{error.filename or 'output'}: {reason}", err=True)
        sys.exit(1 if unsynced or error.errno in _MACHINE_ERRORS else InputError.exit_code)
    sys.exit(0)
