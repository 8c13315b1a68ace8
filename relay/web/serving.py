"""uvicorn within a daemon's own loop."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from relay.web.patience import HEAD_BYTES_MAX, PatientProtocol

STOP_TIMEOUT_S = 2


class _Server(uvicorn.Server):
    """Signals are the service's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(
    application: ASGIApp,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None = None,
    protocol: type[PatientProtocol] = PatientProtocol,
) -> uvicorn.Server:
    """A server to `serve()`; set `should_exit` to stop it. Open streams don't hold it up.

    `tls`: files of a certificate and its key.
    """
    return _Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
            server_header=False,
            loop="asyncio",
            http=protocol,
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
    )
