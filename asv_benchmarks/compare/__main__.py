"""``python asv_benchmarks/compare/run.py REV`` compares this environment with a commit; ``--record FILE`` writes a baseline.

Exits with 1 if a benchmark's median is more than 10 % slower than at REV and the middle halves of the timings are apart.
"""

import argparse
import json
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

from peers.report import machine, number

from .names import names
from .revision import TOP, git, interpreter
from .timing import TOLERATED, measure, verdict


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument("revision", nargs="?", help="the commit to compare with")
    parser.add_argument("--bench", default="", metavar="REGEX", help="only benchmarks whose name matches")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each, in turns (default 7)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the medians of this environment instead")
    parser.add_argument("--build", type=Path, default=TOP / "build", help="where the other commit is built")
    options = parser.parse_args(arguments)
    if (options.revision is None) == (options.record is None):
        parser.error("give a commit to compare with, or --record FILE")
    if options.rounds < 3:
        parser.error(f"--rounds {options.rounds}: at least 3")
    return record(options) if options.record else compare(options)


def compare(options):
    try:
        commit, other = interpreter(options.revision, options.build)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"CPU seconds, medians of {options.rounds} runs in turns; ratio: now / {commit}")
    chosen, losses = names(options.bench), 0
    for name, title in chosen:
        before, after = measure([other, sys.executable], name, options.rounds)
        broken = [("then", before), ("now", after)]
        reasons = [f"{when}: {found}" for when, found in broken if isinstance(found, str)]
        if reasons:
            losses += isinstance(after, str)
            print(f"{title:60s} {'; '.join(reasons)}", flush=True)
            continue
        ratio, word = verdict(before, after)
        if word == "unsure":                    # look as long again before a word is said
            more = measure([other, sys.executable], name, 2 * options.rounds)
            before, after = before + more[0], after + more[1]
            ratio, word = verdict(before, after)
        losses += word == "loss"
        print(f"{title:60s} {number(statistics.median(before)):>9s} {number(statistics.median(after)):>9s} {ratio:6.2f}  {word}",
              flush=True)
    print(f"{len(chosen)} benchmarks, {losses} lost more than {TOLERATED - 1:.0%}")
    return 1 if losses else 0


def record(options):
    """Medians and quartiles of every benchmark, and the values of what is tracked, with the facts of the machine."""
    found = {}
    for name, title in names(options.bench, ("time", "timeraw", "track")):
        tracked = name.partition(":")[0].split(".")[-1].startswith("track_")
        values, = measure([sys.executable], name, 1 if tracked else options.rounds)
        if isinstance(values, str):
            found[title] = {"error": values}
        elif tracked:
            found[title] = {"value": values[0]}
        else:
            found[title] = {"seconds": statistics.median(values), "fastest": min(values), "slowest": max(values)}
        print(title, found[title], flush=True)
    from benchmarks.measure import FULL

    facts = {"date": time.strftime("%Y-%m-%d"), "commit": git("rev-parse", "--short=10", "HEAD"), "clock": "cpu",
             "sizes": "full" if FULL else "quick", "machine": machine(),
             "packages": {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}, "benchmarks": found}
    options.record.write_text(json.dumps(facts, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
