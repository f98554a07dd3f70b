"""``neurall-search dashboard``: optuna-dashboard on the studies of a storage."""

from __future__ import annotations

import argparse


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from studies.dashboard import serve

    serve(args.storage, args.port)
    return 0
