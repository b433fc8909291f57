"""Who takes part: where each solver lives, what it can do, and the tolerances (its own units) it is tried at."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from . import environment, families, kernels

HERE = Path(__file__).resolve().parent


def decades(loosest, tightest):
    return tuple(float(f"1e-{k}") for k in range(loosest, tightest + 1))


#: what a solver of one path can do, in loops
TASKS = ("path", "fit", "cv", "many", "many_cv", "boots")
#: those of many problems that one loop, or one call of riata, solves
BATCHES = TASKS[3:]
#: one over the epochs of a solver that is told their number
EPOCHS = tuple(1 / k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500))

#: riata depends on scikit-learn and scipy: the project's environment has those of them that these need
OURS = ("scikit_learn", "sgd", "saga", "scipy")


@dataclass(frozen=True)
class Solver:
    name: str
    title: str
    where: str                       # "project", an environment of environment.py, or "R"
    tolerances: tuple                # from loose to tight
    default: float | None            # the tolerance a user gets who names none
    tasks: tuple = TASKS
    parallel: bool = False           # spreads tasks over processes or threads of its own
    gram: bool = False               # a method by Gram matrix, asked for by name: dense rows with n > p >= 500, because
                                     # glmnet takes it by itself below 500

    def takes(self, row):
        """Whether the row is for this solver."""
        n, p = row.data["n"], row.data["p"]
        return row.task in self.tasks and (not self.gram or (row.generator == "dense" and n > p >= 500))

    def unsuited(self, n_threads, clock):
        """The reason why a run says nothing about the solver, or None."""
        if self.parallel and n_threads < 2:
            return "on one thread it is the loop of scikit-learn: --threads 2"
        if self.parallel and clock == "cpu":
            return "the CPU time of its processes is not counted: --clock wall"
        return None

    def command(self, build):
        """(command, None), or (None, the reason why the solver cannot run here)."""
        if self.where == "R":
            if shutil.which("Rscript") is None:
                return None, "no Rscript on PATH (Debian: apt install r-cran-glmnet)"
            extra = ["covariance"] if self.name.endswith("covariance") else []
            return ["Rscript", "--vanilla", str(HERE / "glmnet.R"), *extra], None
        python = Path(sys.executable)
        if self.where != "project":
            python = environment.python_of(self.where, build)
        if not python.exists() and self.name.startswith(OURS):
            python = Path(sys.executable)
        if not python.exists():
            return None, f"no environment {self.where}: run python asv_benchmarks/peers/environment.py"
        return [str(python), str(HERE / "worker.py"), self.name], None


SOLVERS = (
    Solver("riata", "riata", "project", decades(3, 13), 1e-6, (*TASKS, "targets", *families.TASKS, *kernels.TASKS)),
    Solver("scikit_learn", "scikit-learn", "peers-venv", decades(3, 12), 1e-4,
           (*TASKS, "targets", "logistic", "many_logistic", "poisson", "gamma", "svc", "quantile")),
    Solver("celer", "celer", "peers-venv", decades(4, 10), 1e-6, (*TASKS, "logistic", "many_logistic")),
    Solver("skglm", "skglm", "peers-venv", decades(2, 9), None, ("path", "fit", "cv", "logistic", "mcp", "scad")),
    Solver("adelie", "adelie", "peers-adelie", decades(7, 16), 1e-7, (*TASKS, "logistic", "many_logistic", "group", "cox")),
    Solver("adelie_covariance", "adelie (covariance)", "peers-adelie", decades(7, 16), 1e-7, ("path",), gram=True),
    Solver("glmstar", "glmstar", "peers-venv", decades(7, 16), 1e-7,
           (*TASKS, "logistic", "many_logistic", "multinomial", "cox")),
    Solver("glum", "glum", "peers-more", decades(3, 9), 1e-4, ("poisson", "gamma")),
    Solver("glum_categories", "glum (categories)", "peers-more", decades(3, 9), 1e-4, ("poisson", "gamma")),
    Solver("sortedl1", "sortedl1", "peers-more", decades(3, 9), None, ("slope",)),
    Solver("glmstar_covariance", "glmstar (covariance)", "peers-venv", decades(7, 16), 1e-7, ("path", "cv"), gram=True),
    Solver("sgd", "SGDClassifier", "peers-venv", EPOCHS, None, families.DESCENT),
    Solver("sgd_average", "SGDClassifier, averaged", "peers-venv", EPOCHS, None, families.DESCENT),
    Solver("saga", "LogisticRegression, saga", "peers-venv", decades(1, 8), 1e-4, ("sgd",)),
    Solver("scipy_numpy", "scipy, numpy", "peers-venv", (1e-4,), None, kernels.TASKS[:3]),
    Solver("torch_cpu", "torch", "peers-torch", (1e-4,), None, kernels.TASKS),
    Solver("glmnet", "R glmnet", "R", decades(7, 16), 1e-7),
    Solver("glmnet_covariance", "R glmnet (covariance)", "R", decades(7, 16), 1e-7, ("path", "cv"), gram=True),
    Solver("scikit_learn_joblib", "scikit-learn, joblib", "peers-venv", decades(3, 12), 1e-4, BATCHES, parallel=True),
    Solver("scikit_learn_threads", "scikit-learn, joblib (threads)", "peers-venv", decades(3, 12), 1e-4, BATCHES,
           parallel=True),
)


def select(names=None):
    """Solvers by name; all for none."""
    unknown = set(names or ()) - {solver.name for solver in SOLVERS}
    if unknown:
        raise ValueError(f"no solver named {sorted(unknown)}: choose from {', '.join(s.name for s in SOLVERS)}")
    return [solver for solver in SOLVERS if not names or solver.name in names]
