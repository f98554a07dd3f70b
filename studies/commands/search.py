"""``neurall-search search``: one call of the search, told live, reported at its end."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from search_spaces.presets import is_preset
from studies.commands.costing import budget_of
from studies.commands.networks import read_network
from studies.commands.values import assignments

if TYPE_CHECKING:
    from studies.config import SearchConfig

INTERRUPTED = 130


def run(args: argparse.Namespace) -> int:
    """Search as the options say."""
    config = config_of(args)
    if args.dry_run:
        return dry_run(config, as_json=args.json)
    return run_search(config, as_json=args.json)


def config_of(args: argparse.Namespace) -> SearchConfig:
    """The search that the options describe; the quick checks come before what is slow to load."""
    budget, fix = budget_of(args), assignments(args.fix)
    for name in args.enqueue:
        if not is_preset(name):
            read_network(name, ())
    from nas.data.spec import default_tasks_of, open_source, tasks_of
    from nas.pretrained import read_pretrained
    from studies.commands.values import chosen
    from studies.config import SearchConfig
    from studies.fidelity_choice import chosen_fidelity

    trained_on = "cpu" if args.ray else args.device
    fidelity = chosen_fidelity(args.fidelity, trained_on, args.gpus_per_trial)
    data = tuple(args.data) or ("synthetic",)
    sources = tuple(open_source(spec, seed=args.seed, fidelity=fidelity) for spec in data)
    specs = chosen(tasks_of(sources), args.tasks) if args.tasks else default_tasks_of(sources)
    return SearchConfig(
        sources=sources,
        tasks=args.tasks,
        budget=budget,
        objectives=args.objectives,
        fidelity=fidelity,
        trials=args.trials,
        time_limit_s=args.time,
        sampler=args.sampler,
        shared_weights=args.shared_weights,
        early_stopping=args.early_stopping,
        fix=fix,
        enqueue=tuple(read_network(name, specs) for name in args.enqueue),
        pretrained=read_pretrained(args.pretrained),
        seed=args.seed,
        device=args.device,
        storage=args.storage,
        study=args.study,
        artifacts=args.artifacts,
        workers=args.workers,
        ray=args.ray,
        gpus_per_trial=args.gpus_per_trial,
        deterministic=args.deterministic,
        data_specs=data,
        pretrained_specs=tuple(args.pretrained),
    )


def dry_run(config: SearchConfig, *, as_json: bool) -> int:
    """Say what the search would do; trains and writes nothing."""
    from studies.forecast import forecast
    from studies.observer import Observer
    from studies.problem import problem_of
    from studies.search import Search

    problem = problem_of(config)
    Search(problem, Observer()).check_feasible()
    told = forecast(problem)
    print(json.dumps(told.to_json(), indent=2) if as_json else "\n".join(told.lines()))
    return 0


def run_search(config: SearchConfig, *, as_json: bool) -> int:
    """Search, tell on standard error how it goes, print the result; returns the exit code."""
    from studies.display import display
    from studies.forecast import estimate_left, plan_line
    from studies.problem import problem_of
    from studies.report import print_report
    from studies.search import Search

    problem = problem_of(config)
    with display() as observer:
        search = Search(problem, observer)
        observer.message("finding the cheapest network and how fast this machine trains")
        search.check_feasible()
        observer.message(plan_line(problem, estimate_left(problem)))
        result = search.run()
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        print_report(result)
    return INTERRUPTED if result.interrupted else 0
