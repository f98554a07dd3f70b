"""``neurall-search front``: the front of a study as a table, a document, or pictures."""

from __future__ import annotations

import argparse
import json
import sys


def run(args: argparse.Namespace) -> int:
    """Print the study last written, or the one that is named, and draw it where asked."""
    from studies.plot import check_plot_file

    for path in args.plot:
        check_plot_file(path)
    from studies.opening import load_study
    from studies.report import print_report
    from studies.result import read_result

    result = read_result(load_study(args.storage, args.study))
    if args.json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        print_report(result, named=bool(args.study))
    if args.plot:
        from studies.plot import plot_front

        for path in args.plot:
            plot_front(result, path)
            print(f"wrote {path}", file=sys.stderr)
    return 0
