"""The command line in a process of its own, with a fidelity that takes seconds.

``python driver.py SAMPLES ARGUMENTS``; faults happen in it and in its workers where a test says so.
"""

from __future__ import annotations

import os
import sys

import nas.fidelity
import studies.runners.processes
from nas.resolution import Resolution
from studies.cli import main
from tests.studies.runners import faults

if __name__ == "__main__":
    nas.fidelity.FIDELITIES = {
        "quick": nas.fidelity.Fidelity(
            name="quick",
            resolution=Resolution(64, 32),
            samples=int(sys.argv[1]),
            batch_size=4,
            train=12,
            val=6,
            test=4,
        )
    }
    if faults.VARIABLE in os.environ:
        studies.runners.processes._work = faults.work
        if "--workers" not in sys.argv:
            faults.install()
    sys.exit(main(sys.argv[2:]))
