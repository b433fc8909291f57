"""Soak: every certificate of every solver on random small problems, against an independent referee in extended precision.

    python tests/soak.py --problems 100000 --jobs 2 --some # make soak
    python tests/soak.py --seed 1086 --problems 1 -v       # one problem again
    python tests/soak.py --problems 100000                 # all solvers; --some: "auto" and one more, twice as fast

A certificate (problem, alpha, solver) claims that the objective of its coefficients is at most ``gap`` null objectives
above the optimum. The referee (``reference.py``) computes objectives and dual points from the raw X in extended precision.
The best objective of all solvers, and of very tight solves where these leave a doubt, bounds the optimum from above; dual
points of the same answers bound it from below. So a certificate is

    proven      its objective is within its claim of the lower bound
    false       its objective is further than its claim above an objective that another solver has reached
    open        neither could be shown

Exit code 1 if any certificate is false, more than 1 % of them are open, a solver raised, or an answer stands where none
should (a coefficient outside its bounds, ``converged`` with a gap above tol).
"""

import argparse
import copy
import os
import sys
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np

import reference
from random_problems import draw
from riata_engine.batch import STATUS, Batch, solve

TOL, TIGHT = 1e-6, 1e-13
#: certificates carry a claim for these; the others hold no coefficients
CLAIMING = {STATUS.index(name) for name in ("converged", "max_iter", "degenerate")}
EPS = np.finfo(np.float64).eps
#: a claim is judged with a margin of 1 %, and of what a gap in Gram space may leave to rounding: see docs/architecture.md
MARGIN, FLOOR = 1.01, 0.05 * TOL
#: squares below this share of the mean square of y are rounding: y counts as constant (see ``slack``)
CONSTANT = 4e-30
#: more open certificates than this share: the soak says nothing then
OPEN = 0.01
SEEDS_A_TASK = 50
#: a solve of a problem as small as these takes milliseconds: one that takes longer never ends
SECONDS = 5.0


@dataclass
class Tally:
    """What was found: counts, and a line for everything that is wrong."""

    problems: int = 0
    certificates: Counter = field(default_factory=Counter)
    statuses: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    open: list = field(default_factory=list)
    slowest: tuple = (0.0, None)

    def add(self, other):
        self.problems += other.problems
        self.certificates += other.certificates
        self.statuses += other.statuses
        self.wrong += other.wrong
        self.open += other.open
        self.slowest = max(self.slowest, other.slowest, key=lambda entry: entry[0])


def solvers_for(fields):
    if "alphas" in fields:
        return ["auto", *(["least_squares"] if "lower" not in fields and "upper" not in fields else [])]
    bounded = "lower" in fields or "upper" in fields
    return ["auto", "gram", "working_set", "residual", *(["kernel"] if fields["l1_ratio"] == 0 and not bounded else [])]


def answers(fields, solver, tol, alphas=None):
    alphas = fields.get("alphas", alphas)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return solve(Batch(**{**fields, "alphas": alphas}, solver=solver, tol=tol, max_epochs=2000, n_threads=1,
                           time_budget=SECONDS))


def one_problem(fields, b):
    """The ``reference.Problem`` of member b of the batch, at alpha = 1."""
    g, t = fields["group"][b], fields["target"][b]
    w = fields.get("weights")
    w = np.ones(len(fields["Y"])) if w is None else w[:, g] if w.ndim == 2 else w.copy()
    if "held_out" in fields:
        w = w.copy()
        w[fields["held_out"][g]] = 0.0
    settings = {name: fields[name] for name in ("offset", "penalty_factor", "lower", "upper", "intercept", "standardize")
                if name in fields}
    return reference.Problem(fields["X"], fields["Y"][:, t], 1.0, fields["l1_ratio"], weights=w, **settings)


def at_alpha(unit, alpha):
    """The same problem at another alpha (penalties are proportional to it)."""
    problem = copy.copy(unit)
    problem.l1, problem.l2 = unit.l1 * reference.Real(alpha), unit.l2 * reference.Real(alpha)
    return problem


def slack(problem, coef, intercept, null):
    """What rounding to float64 may add to a relative gap.

    An entry of the centred X, of y − ȳ or of a coefficient is known to a relative eps: the predictions are off by
    first = 8 eps Σ |b_j| s_j (s_j standard deviations, the size of the centred columns), and the objective by ‖r‖ times that.
    What shifts all predictions alike, as the rounding of the means and of the intercept does, is orthogonal to the residual at
    its optimum: level = 8 eps (|b0| + Σ |b_j x̄_j|) enters with its square.
    """
    b = np.abs(np.asarray(coef, dtype=reference.Real))
    mean = problem.w @ problem.X
    centred = problem.X - mean if problem.intercept else problem.X
    first = 8 * EPS * (b * np.sqrt(problem.w @ centred**2)).sum()
    level = 8 * EPS * (abs(intercept) + (b * abs(mean)).sum())
    r = problem.residual(coef, intercept)
    return (np.sqrt(problem.w @ (r * r)) * first + first**2 + level**2) / null


def judge(seed, tally, tol=TOL, some=False):
    """Draw one problem, solve it by every solver (``some``: by "auto" and one more), and judge every certificate."""
    fields, traits = draw(seed)
    started = time.perf_counter()
    name = f"seed {seed} [{', '.join(traits)}]"
    tally.problems += 1
    found, alphas = {}, None
    solvers = solvers_for(fields)
    for solver in (solvers[0], *solvers[1:][seed % max(1, len(solvers) - 1):][:1]) if some else solvers:
        try:
            found[solver] = answers(fields, solver, tol, alphas)
        except Exception as error:                       # whatever it is: it is what the soak is for
            tally.wrong.append(f"{name} {solver} raised {type(error).__name__}: {error}")
            continue
        alphas = found[solver].alphas if alphas is None else alphas
        if (found[solver].status == STATUS.index("time_budget")).any():
            tally.wrong.append(f"{name} {solver}: not done after {SECONDS:g} s")
        tally.statuses.update((solver, STATUS[k]) for k in found[solver].status.ravel())
    tight = {}
    for b in range(len(fields["target"]) if found else 0):
        unit = one_problem(fields, b)
        null = reference.null_objective(unit)
        with np.errstate(over="ignore"):
            size = (unit.w * unit.z**2).sum()
        if 2 * null <= CONSTANT * size or not np.isfinite(alphas[b]).all():
            tally.certificates["constant y"] += 1
            continue
        for at in range(alphas.shape[1]):
            where = f"{name} problem {b} alpha {at}"
            _judge_one(at_alpha(unit, alphas[b, at]), null, (b, at), found, fields, alphas, tight, where, tally, tol)
    tally.slowest = max(tally.slowest, (time.perf_counter() - started, seed), key=lambda entry: entry[0])


def _judge_one(problem, null, at, found, fields, alphas, tight, where, tally, tol):
    claims = {}
    for solver, solution in found.items():
        if solution.status[at] not in CLAIMING:
            continue
        gap, answer = solution.gap[at], (solution.coef[at], solution.intercept[at])
        if not reference.is_feasible(problem, answer[0]):
            tally.wrong.append(f"{where} {solver}: coefficients outside their bounds")
        elif not np.isfinite(answer[0]).all() or np.isnan(gap):
            tally.wrong.append(f"{where} {solver}: status {STATUS[solution.status[at]]} with gap {gap} and no finite answer")
        elif solution.status[at] == 0 and not gap <= tol:
            tally.wrong.append(f"{where} {solver}: converged with gap {gap:.1e}")
        elif gap < np.inf:
            value = reference.objective(problem, *answer)
            claims[solver] = (value, null * (gap * MARGIN + FLOOR + slack(problem, *answer, null)), answer, gap)
    if not claims:
        return
    lowest = min(claims.values(), key=lambda claim: claim[0])
    bounds = [lowest[0], reference.Real(0)]              # of the optimum, from above and from below
    doubtful = _sharpen(problem, bounds, claims, [claim[2] for claim in [lowest, *claims.values()]])
    if doubtful:
        _sharpen(problem, bounds, claims, _tight_answers(fields, tight, at, alphas))
    for solver, (value, allowed, _, gap) in claims.items():
        if value - bounds[0] > allowed:
            tally.certificates["false"] += 1
            tally.wrong.append(f"{where} {solver}: claims {gap:.1e}, at least {float((value - bounds[0]) / null):.1e} "
                               f"(slack {float(allowed / null - gap):.1e})")
        elif value - bounds[1] <= allowed:
            tally.certificates["proven"] += 1
        else:
            tally.certificates["open"] += 1
            tally.open.append(f"{where} {solver}: claims {gap:.1e}, at most {float((value - bounds[1]) / null):.1e}")


def _sharpen(problem, bounds, claims, candidates):
    """Tighten the bounds of the optimum by answers; True while some claim is neither proven nor refuted."""

    def doubtful():
        return any(bounds[1] < value - allowed for value, allowed, _, _ in claims.values())

    for coef, intercept in candidates:
        if not doubtful():
            return False
        value = reference.objective(problem, coef, intercept)
        if value < bounds[0]:
            bounds[0] = value
        for best_scale in (False, True):
            bounds[1] = max(bounds[1], reference.dual_bound(problem, coef, intercept, best_scale))
            if not doubtful():
                return False
    return doubtful()


def _tight_answers(fields, tight, at, alphas):
    """Answers of very tight solves by every solver, made once a problem."""
    if not tight:
        for solver in solvers_for(fields):
            try:
                tight[solver] = answers(fields, solver, TIGHT, alphas)
            except Exception:                            # judged at the ordinary tolerance
                continue
    return [(solution.coef[at], solution.intercept[at]) for solution in tight.values()
            if solution.status[at] in CLAIMING and np.isfinite(solution.coef[at]).all()]


def judge_all(seeds, tol=TOL, some=False):
    tally = Tally()
    for seed in seeds:
        judge(seed, tally, tol, some)
    return tally


def soak(first, count, jobs, seconds=np.inf, say=None, some=False):
    """A ``Tally`` over ``count`` problems, or of what is done after ``seconds``."""
    total, started = Tally(), time.monotonic()
    tasks = [range(at, min(at + SEEDS_A_TASK, first + count)) for at in range(first, first + count, SEEDS_A_TASK)]
    if jobs == 1:
        results = map(partial(judge_all, some=some), tasks)
        pool = None
    else:
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
        pool = ProcessPoolExecutor(jobs)
        results = pool.map(partial(judge_all, some=some), tasks)
    try:
        for tally in results:
            total.add(tally)
            if say:
                say(total, tally)
            if time.monotonic() - started > seconds:
                break
    finally:
        if pool:
            pool.shutdown(wait=True, cancel_futures=True)
    return total


def report(total):
    judged = sum(total.certificates[kind] for kind in ("proven", "false", "open"))
    lines = [f"{total.problems} problems, {judged} certificates: {total.certificates['proven']} proven, "
             f"{total.certificates['false']} false, {total.certificates['open']} open, "
             f"{total.certificates['constant y']} paths of a constant y"]
    for solver in sorted({solver for solver, _ in total.statuses}):
        counts = {name: total.statuses[solver, name] for name in STATUS if total.statuses[solver, name]}
        lines.append(f"  {solver:14s}" + ", ".join(f"{count} {name}" for name, count in counts.items()))
    lines.append(f"slowest: seed {total.slowest[1]}, {total.slowest[0]:.1f} s")
    return "\n".join(lines)


def too_many_open(total):
    """Whether so much was neither proven nor refuted that a clean soak proves little."""
    judged = sum(total.certificates[kind] for kind in ("proven", "open", "false"))
    return total.certificates["open"] > OPEN * judged


def replay(line):
    return f"{line}\n    again: python tests/soak.py --problems 1 -v --seed {line.split()[1]}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first problem; the next has the next seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--some", action="store_true", help='solve each problem by "auto" and one more solver only')
    parser.add_argument("-v", "--verbose", action="store_true", help="print open certificates too")
    chosen = parser.parse_args(arguments)

    def say(total, tally):
        for line in tally.wrong:
            print(replay(line), flush=True)
        if chosen.verbose:
            print(*tally.open, sep="\n", end="\n" if tally.open else "", flush=True)
        if total.problems % 2000 == 0:
            print(f"{total.problems} problems, {len(total.wrong)} wrong", flush=True)

    total = soak(chosen.seed, chosen.problems, chosen.jobs, chosen.seconds, say, chosen.some)
    print(report(total))
    return 1 if total.wrong or too_many_open(total) else 0


if __name__ == "__main__":
    sys.exit(main())
