"""Serves optuna-dashboard with the files of the trials; the only place that speaks to it."""

from __future__ import annotations

import errno
import socket
import sys

from studies.artifact_store import AtomicArtifactStore
from studies.errors import StudyError
from studies.opening import artifact_folders
from studies.redaction import shown
from studies.storage import existing_storage

_HOST = "localhost"


def serve(url: str, port: int) -> None:
    """Serve on this machine until Ctrl-C.

    Raises ``StudyError`` where the storage is not there or the port is taken.
    """
    storage = existing_storage(url)
    check_port(port)
    import optuna_dashboard  # takes a third of a second to import

    print(f"http://{_HOST}:{port}/ shows {shown(url)}, Ctrl-C ends it", file=sys.stderr)
    files = AtomicArtifactStore(*artifact_folders(url))
    try:
        optuna_dashboard.run_server(storage, host=_HOST, port=port, artifact_store=files)
    except KeyboardInterrupt:  # the way to end it
        return
    except OSError as error:
        raise _unusable(port, error) from None


def check_port(port: int) -> None:
    """Raise ``StudyError`` where a port cannot be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise _unusable(port, error) from None


def _unusable(port: int, error: OSError) -> StudyError:
    taken = error.errno == errno.EADDRINUSE
    why = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
    return StudyError(f"port {port} {why}, name another with --port")
