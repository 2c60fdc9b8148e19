"""Starts the page: models load in the background, and Gradio runs behind the gateway in the same process."""

from __future__ import annotations

import ipaddress
import shutil
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from drivesim.errors import CheckpointError, DrivesimError, InputError
from ui.gradio_setup import fix_environment, report_briefly
from ui.settings import UiSettings

MAX_CONNECTIONS = 512
MAX_UNOPENED_S = 20.0


def serve(settings: UiSettings, tell: Callable[[str], None]) -> None:
    """Serves the page until it is interrupted.

    Args:
        settings: Folders, models and address of the server.
        tell: Prints a line for the person who started the server.

    Raises:
        CheckpointError: There are no models.
        InputError: The address can be reached from other machines and there are no accounts, the port is in use, or the
            accounts file or the output folder cannot be used.
    """
    accounts = required_accounts(settings)
    if not (settings.checkpoints / "manifest.json").is_file():
        raise CheckpointError(f"{settings.checkpoints}: holds no models; train them with `drivesim train chain`")
    listener = bound_socket(settings.host, settings.port)
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{settings.out}: cannot be made ({error.strerror}); choose another --out") from error
    temporary = fix_environment()

    import uvicorn

    from ui.app import application
    from ui.security.connections import WatchedConnection
    from ui.services import Services

    report_briefly()
    services = Services.start(settings)
    try:
        app = application(services, is_loopback(settings.host), accounts)
        config = uvicorn.Config(
            app, log_level="warning", limit_concurrency=MAX_CONNECTIONS, timeout_keep_alive=10, lifespan="on",
            server_header=False, timeout_graceful_shutdown=2, h11_max_incomplete_event_size=64 << 10,
            http=WatchedConnection, ws="none",
        )  # fmt: skip
        signal.signal(signal.SIGTERM, _interrupt)
        threading.Thread(target=_warm_up, args=(services, tell), daemon=True).start()
        tell(f"drivesim ui: http://{_shown(settings.host)}:{listener.getsockname()[1]}/   (press Ctrl-C to stop)")
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        services.jobs.close()
        shutil.rmtree(temporary, ignore_errors=True)


def is_loopback(host: str) -> bool:
    """Returns whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def required_accounts(settings: UiSettings) -> dict[str, str] | None:
    """Returns the accounts of the page, or None if it needs none.

    Raises:
        InputError: The page needs accounts and has none, or their file cannot be used.
    """
    if settings.auth_file is not None:
        from ui.security.accounts import read_accounts

        return read_accounts(settings.auth_file)
    if not is_loopback(settings.host):
        message = f"--host {settings.host}: other machines could reach the page without a password"
        raise InputError(f"{message}; give an --auth-file with lines `name:password`, or omit --host")
    return None


def bound_socket(host: str, port: int) -> socket.socket:
    """Returns a socket that listens at an address.

    Raises:
        InputError: The address is in use, or does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InputError(f"{host}:{port}: {error.strerror}; choose another --port, or 0 for any free one") from None
    listener.listen(128)
    return listener


def _warm_up(services: Any, tell: Callable[[str], None]) -> None:
    """Loads the models, but only after the first page has been opened, which would otherwise wait for a processor."""
    services.opened.wait(MAX_UNOPENED_S)
    try:
        services.composer.warm_up()
    except DrivesimError as error:
        tell(f"drivesim ui: {error}")


def _interrupt(*_: object) -> None:
    """Lets the server clean up after a termination signal in the same way as after Ctrl-C."""
    raise KeyboardInterrupt


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
