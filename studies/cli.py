"""The command line: parses, makes one call, turns what the user can mend into one line."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from importlib import import_module
from types import FrameType

from search_spaces.spelling import one_line, unknown
from studies.commands.parser import COMMANDS, PROGRAM, make_parser
from studies.errors import UsageError
from studies.redaction import redacted

#: Characters of a message: a path may take 4,096 of them, a list of choices some hundreds.
_LONGEST_COMPLAINT = 6000
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
#: Errors by name, so that none of the modules that define them is loaded to answer ``--help``.
_WRONG_USAGE = frozenset({"ArchitectureError", "BudgetError", "PretrainedError", "UsageError"})
_FAILED = frozenset(
    {"DataError", "StudyError", "ExportError", "TrainingError", "TrainingMemoryError"}
)


#: How often OpenMP's threads look for each other before they sleep. By default so often that a
#: training on 2 cores beside one other busy process fell from 53 to below 4 samples/s; with 1,000
#: to 10,000 it kept 8 to 18, and lost nothing alone from 10,000 on.
_SPINS = "20000"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)  # read when torch is loaded
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        return _answer(error)
    return code


def _interrupt(number: int, _: FrameType | None) -> None:
    """Clusters end a job with SIGTERM, some of them several times: as Ctrl-C does, once."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(argv: list[str]) -> int:
    parser = make_parser()
    if not argv:
        parser.print_help()
        return DONE
    try:
        args = parser.parse_args(_with_command(argv))
    except SystemExit as stop:  # argparse's way to say that it printed help or an error
        return int(stop.code or 0)
    code: int = import_module(COMMANDS[args.command]).run(args)
    return code


def _with_command(argv: list[str]) -> list[str]:
    """``neurall-search --budget 30tops`` means ``neurall-search search --budget 30tops``."""
    first = argv[0]
    if first.startswith("-"):
        return argv if first in ("-h", "--help", "--version") else ["search", *argv]
    if first not in COMMANDS:
        raise UsageError(unknown("command", first, COMMANDS))
    return argv


def _answer(error: Exception) -> int:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _WRONG_USAGE:
        _complain(f"error: {error}")
        return WRONG_USAGE
    if isinstance(error, OSError) and error.filename:
        _complain(f"error: {error.filename}: {error.strerror}")
        return FAILED
    if names & _FAILED or isinstance(error, OSError | MemoryError):
        _complain(f"error: {error or type(error).__name__}")
        return FAILED
    raise error


def _complain(text: str) -> None:
    print(f"{PROGRAM}: {redacted(one_line(text, _LONGEST_COMPLAINT))}", file=sys.stderr)


def _reader_left() -> int:
    """Whoever read our output, such as ``head``, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
