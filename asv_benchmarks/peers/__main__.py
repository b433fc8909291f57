"""``python -m peers [MODE]`` in asv_benchmarks/.

rows     run the comparison, write peers/out/peers.md and peers.json (the default)
threads  the rows of many problems on two threads, by the clock on the wall, beside scikit-learn through joblib: threads.md
scaling  problems a second and bytes a problem, from 1 to 100 000 problems: scaling.md and scaling.json
cliff    look for shapes at which a peer is faster, write peers/out/cliff.md and cliff.json
publish  put what peers.json holds into README.md and docs/performance.md, and draw docs/images/time-against-gap.png;
         what threads.json and scaling.json hold, where they are, into docs/performance.md
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from . import cliff, environment, publish, report, rows, runner, scaling, solver_table

OUT = Path(__file__).resolve().parent / "out"
THREADS = 2          # of the mode of that name, at least


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m peers", description="riata and its peers at equal gap")
    parser.add_argument("mode", nargs="?", choices=("rows", "threads", "scaling", "cliff", "publish"), default="rows",
                        help="rows: the table (default); threads: many problems on two threads; scaling: up to 100 000 problems; "
                        "cliff: a grid of shapes; publish: the results into README and docs")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="row names, or beginnings with a star (default: all)")
    parser.add_argument("--solvers", nargs="+", metavar="NAME", help="solver names (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes and two repetitions, to see that all works")
    parser.add_argument("--repeats", type=int, help="most repetitions of a run (default 5; quick 2)")
    parser.add_argument("--time-limit", type=float, help="seconds of one run (default: the row's own)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each solver (default 1)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine that others use")
    parser.add_argument("--no-install", action="store_true", help="use the peer environments as they are")
    parser.add_argument("--build", type=Path, default=environment.TOP / "build", help="where environments and data are")
    parser.add_argument("--out", type=Path, default=OUT, help="where the tables go")
    parser.add_argument("--results", type=Path, nargs="+", metavar="JSON",
                        help="publish: several runs, later rows replace earlier ones")
    parser.add_argument("--list", action="store_true", help="list rows and solvers")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{row.name:20s} {row.title}" for row in rows.ROWS))
        print("\n".join(f"{solver.name:20s} {solver.title}" for solver in solver_table.SOLVERS))
        return 0
    if options.mode == "publish":
        return _publish(options)
    if options.mode == "scaling":
        return _show(scaling.write(scaling.compare(scaling.SIZES[:3] if options.quick else scaling.SIZES), options.out))
    everything, write, slack = rows.ROWS, report.write, None
    if options.mode == "cliff":
        everything, write, slack = cliff.rows(), cliff.write, cliff.SLACK
    if options.mode == "threads":
        if options.clock == "cpu":
            parser.error("the mode threads goes by the clock on the wall: the CPU time of joblib's processes is not counted")
        write, options.threads = partial(report.write, name="threads"), max(options.threads, THREADS)
        everything = [row for row in rows.ROWS if row.task in solver_table.BATCHES]
        options.solvers = options.solvers or [report.PLAYER, *publish.ROUTES["scikit_learn_joblib"]]
    try:
        chosen_rows, solvers = rows.select(options.rows, everything), solver_table.select(options.solvers)
    except ValueError as error:
        parser.error(str(error))
    if not options.no_install:
        for name in dict.fromkeys(solver.where for solver in solvers if solver.where in environment.ENVIRONMENTS):
            reason = environment.make(name, options.build)
            if reason:
                print(f"{name}: {reason}", file=sys.stderr)
    result = runner.compare(chosen_rows, solvers, options.build, size="quick" if options.quick else "full",
                            repeats=options.repeats or (2 if options.quick else 5), time_limit=options.time_limit,
                            n_threads=options.threads, clock=options.clock, slack=slack,
                            after_row=lambda found: write(found, options.out))
    return _show(write(result, options.out))


def _show(file):
    print(file.read_text())
    print(f"written: {file} and {file.with_suffix('.json')}", file=sys.stderr)
    return 0


def _publish(options):
    """Each of the results that there are into its place."""
    files = options.results or [options.out / "peers.json"]
    found = [json.loads(file.read_text()) for file in files if options.results or file.exists()]
    more = {name: options.out / f"{name}.json" for name in ("threads", "scaling")}
    more = {name: json.loads(file.read_text()) for name, file in more.items() if file.exists()}
    if not found and not more:
        print(f"nothing to publish in {options.out}: run `make peers` or `make peers-batches` first", file=sys.stderr)
        return 1
    if found:
        publish.publish(publish.merged(found), environment.TOP)
    publish.publish_batches(environment.TOP, **more)
    return 0


if __name__ == "__main__":
    sys.exit(main())
