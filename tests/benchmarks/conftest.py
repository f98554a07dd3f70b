from __future__ import annotations

import sys
from pathlib import Path

#: Benchmarks are scripts that find the files beside them, as no package.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
