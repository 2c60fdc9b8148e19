"""The program `drivesim`: its verbs, and the one place where errors become a line and an exit code.

Modules of verbs import nothing heavy at the top, so that `drivesim --help` answers at once.
"""

from __future__ import annotations

import errno
import sys
from typing import Annotated, NoReturn

import typer

from drivesim import __version__
from drivesim.allocator import keep_freed_memory
from drivesim.cli.batch.batch import batch
from drivesim.cli.check import check
from drivesim.cli.compose import compose
from drivesim.cli.compress import compress
from drivesim.cli.doctor import doctor
from drivesim.cli.evaluate.evaluate import app as evaluate
from drivesim.cli.expand import expand
from drivesim.cli.export import export
from drivesim.cli.import_scenario import import_scenario
from drivesim.cli.inspect import inspect
from drivesim.cli.new import new
from drivesim.cli.preview import preview
from drivesim.cli.record import record
from drivesim.cli.render import render
from drivesim.cli.rollout import rollout
from drivesim.cli.schema import schema
from drivesim.cli.train.train import app as train
from drivesim.cli.ui import ui
from drivesim.cli.validate import validate
from drivesim.errors import DrivesimError, ScenarioError

INTERRUPTED = 130
# Failures of the machine that the user can repair, with the exit code of each.
_MACHINE_ERRORS = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO), 1)
_MACHINE_ERRORS |= dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), 2)
_MACHINE_ERRORS |= dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP), 2)

app = typer.Typer(
    name="drivesim",
    help="Scenario files become driving video, for testing automated-driving software.",
    no_args_is_help=True,
    add_completion=False,
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


for _verb in (new, validate, schema, expand, preview, compose, rollout, batch, ui):
    app.command()(_verb)
app.command("import")(import_scenario)
for _verb in (render, inspect, check, export, record, compress, doctor):
    app.command()(_verb)
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")


def main() -> NoReturn:
    """Runs the command line; a user's mistake gives one line (a scenario's mistakes, one line each), no traceback."""
    keep_freed_memory()
    try:
        app()
    except DrivesimError as error:
        typer.echo(error.explained() if isinstance(error, ScenarioError) else str(error), err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        typer.echo(f"{error.filename or 'output'}: {error.strerror}", err=True)
        sys.exit(_MACHINE_ERRORS[error.errno])
    sys.exit(0)
