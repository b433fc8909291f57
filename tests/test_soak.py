"""A short soak, and proof that it would notice: ``make soak`` is the long one."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import soak
from random_problems import draw


def test_no_certificate_is_false():
    total = soak.soak(first=0, count=250, jobs=1)
    assert not total.wrong, "\n".join(map(soak.replay, total.wrong))
    assert total.problems == 250
    judged = total.certificates["proven"] + total.certificates["open"]
    assert judged > 5000
    assert not soak.too_many_open(total)
    converged = sum(count for (_, status), count in total.statuses.items() if status == "converged")
    assert converged > 0.9 * sum(total.statuses.values())


@pytest.mark.parametrize("lie", ["gap", "coef", "status", "bounds"])
def test_a_lie_is_noticed(monkeypatch, lie):
    """Gaps that are too small, coefficients that are off, and the like, in otherwise honest answers."""
    honest = soak.answers

    def lying(fields, solver, tol, alphas=None):
        if solver != "residual" or tol < soak.TOL:
            return honest(fields, solver, tol, alphas)
        found = honest(fields, solver, 1e-2 if lie == "gap" else tol, alphas)
        if lie == "gap":
            return dataclasses.replace(found, gap=np.minimum(found.gap, 1e-7), status=np.zeros_like(found.status))
        if lie == "coef":
            return dataclasses.replace(found, coef=found.coef * 1.01)
        if lie == "status":
            return dataclasses.replace(found, gap=np.full_like(found.gap, 1e-3), status=np.zeros_like(found.status))
        return dataclasses.replace(found, coef=found.coef - 1e3)

    monkeypatch.setattr(soak, "answers", lying)
    total = soak.judge_all(range(12))
    assert any(" residual" in line for line in total.wrong)
    assert all(" residual" in line for line in total.wrong)


def test_too_many_open_certificates_fail_the_soak():
    assert soak.too_many_open(soak.Tally(certificates=soak.Counter(proven=97, open=3)))
    assert not soak.too_many_open(soak.Tally(certificates=soak.Counter(proven=999, open=1)))


def test_a_seed_stands_for_a_problem():
    (one, traits), (other, again) = draw(7), draw(7)
    assert traits == again
    np.testing.assert_array_equal(one["Y"], other["Y"])
    done = subprocess.run([sys.executable, Path(soak.__file__), "--problems", "1", "--seed", "7"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("1 problems, ")
