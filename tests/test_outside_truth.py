"""Numbers that others printed: R's lars and glmnet, textbooks. Tolerances are the digits that were printed."""

import bz2
import csv
import io
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import lars_path

import problems
import riata

DATA = Path(__file__).parent / "data"
TIGHT = {"tol": 1e-13, "max_epochs": 1_000_000}


def packaged(package, path, pip):
    """A data file of an installed package, found without importing the package."""
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed (pip install --no-deps {pip}): its data file is the input")
    return Path(spec.submodule_search_locations[0]) / path


CP = [453.726255, 418.032217, 143.801193, 86.741078, 33.695679, 21.505224, 18.327003, 8.877493, 9.131148, 10.843547,
      11.338975, 9.266761, 11]
DF = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 10, 11]     # at step 10 hdl is just leaving, and still counted
ORDER = ["bmi", "s5", "bp", "s3", "sex", "s6", "s1", "s4", "s2", "age"]
STEP_7 = {"sex": -197.756501, "bmi": 522.264847, "bp": 297.159737, "s1": -103.946249, "s3": -223.926033,
          "s5": 514.749481, "s6": 54.767681}
STEP_9 = {"sex": -227.175798, "bmi": 526.390594, "bp": 314.950467, "s1": -237.340973, "s2": 33.628274,
          "s3": -134.599352, "s4": 111.384129, "s5": 545.482597, "s6": 64.606670}


class TestDiabetesLars:
    """Efron, Hastie, Johnstone and Tibshirani (2004), "Least angle regression", Annals of Statistics 32: the lasso on
    the diabetes data as printed by R's lars. Its X is rounded differently from scikit-learn's: 5e-3 on Cp."""

    @pytest.fixture
    def data(self):
        bunch = load_diabetes()
        knots, _, _ = lars_path(bunch.data, bunch.target - bunch.target.mean(), method="lasso")
        return bunch.data, bunch.target, knots, bunch.feature_names

    @pytest.mark.parametrize("solver", problems.PATH_SOLVERS)
    def test_cp_of_every_step(self, data, solver):
        X, y, knots, _ = data
        n, p = X.shape
        path = riata.fit_path(X, y, alphas=knots[:-1], solver=solver, **TIGHT)
        full = np.linalg.lstsq(X - X.mean(0), y - y.mean(), rcond=None)[1][0]
        rss = [((y - b0 - X @ b) ** 2).sum() for b, b0 in zip(path.coef, path.intercept, strict=True)]
        cp = np.array([*rss, full]) / (full / (n - p - 1)) - n + 2 * np.array(DF)
        np.testing.assert_allclose(cp, CP, atol=5e-3)
        assert rss[7] == pytest.approx(1275355, abs=3)
        assert full == pytest.approx(1263983, abs=3)

    def test_coefficients_at_the_minimum_of_cp(self, data):
        X, y, knots, names = data
        path = riata.fit_path(X, y, alphas=knots[[7, 9]], **TIGHT)
        _, _, coefs = lars_path(X, y - y.mean(), method="lasso")
        np.testing.assert_allclose(path.coef, coefs[:, [7, 9]].T, atol=1e-5)
        # the printed step 9 lies where s1 and s2, correlated .9, both move: the rounding of R's X shows most there
        for coef, printed, atol in zip(path.coef, (STEP_7, STEP_9), (0.02, 0.12), strict=True):
            np.testing.assert_allclose(coef, [printed.get(name, 0.0) for name in names], atol=atol)
        assert path.intercept[0] == pytest.approx(152.133484, abs=1e-5)

    def test_order_of_entry(self, data):
        X, y, knots, names = data
        between = np.sqrt(knots[:10] * knots[1:11])
        path = riata.fit_path(X, y, alphas=between, **TIGHT)
        for step, coef in enumerate(path.coef, start=1):
            assert set(np.array(names)[coef != 0]) == set(ORDER[:step])
        without_hdl = riata.fit_path(X, y, alphas=[np.sqrt(knots[10] * knots[11])], **TIGHT)
        assert set(np.array(names)[without_hdl.coef[0] != 0]) == set(ORDER) - {"s3"}


class TestTinyLars:
    """The ill-conditioned 5 x 5 case of scikit-learn issue 7778, solved by R's lars to 12 decimals (values as in
    scikit-learn's test_lasso_lars_vs_R_implementation, BSD-3-Clause). Each column is a lasso at max |x_j'r| / n."""

    X = np.array([[0.47299829, 0, 0, 0, 0],
                  [0.08239882, 0.85784863, 0, 0, 0],
                  [0.30114139, -0.07501577, 0.80895216, 0, 0],
                  [-0.01460346, -0.1015233, 0.0407278, 0.80338378, 0],
                  [-0.69363927, 0.06754067, 0.18064514, -0.0803561, 0.40427291]]).T
    y = np.array([-6.45006793, -3.51251449, -8.52445396, 6.12277822, -19.42109366])
    PATH = np.array([
        [0, 0, 0, 0, 0, -79.810362809499026, -83.528788732782829, -83.777653739190711, -83.784156932888934,
         -84.033390591756657],
        [0, 0, 0, 0, -0.476624256777266, 0, 0, 0, 0, 0.025219751009936],
        [0, -3.577397088285891, -4.702795355871871, -7.016748621359461, -7.614898471899412, -0.336938391359179, 0, 0,
         0.001213370600853, 0.048162321585148],
        [0, 0, 0, 2.231558436628169, 2.723267514525966, 2.811549786389614, 2.813766976061531, 2.817462468949557,
         2.817368178703816, 2.816221090636795],
        [0, 0, -1.218422599914637, -3.457726183014808, -4.021304522060710, -45.827461592423745, -47.776608869312305,
         -47.911561610746404, -47.914845922736234, -48.039562334265717]]).T

    @pytest.mark.parametrize("solver", ["gram", "working_set"])
    def test_every_knot(self, solver):
        for expected in self.PATH[1:-1]:
            residual = self.y - self.X @ expected
            alpha = np.abs(self.X.T @ residual).max() / 5
            path = riata.fit_path(self.X, self.y, alphas=[alpha], intercept=False, solver=solver, **TIGHT)
            np.testing.assert_allclose(path.coef[0], expected, rtol=1e-7, atol=1e-8)

    def test_end_of_the_path(self):
        path = riata.fit_path(self.X, self.y, alphas=[0.0], intercept=False)
        np.testing.assert_allclose(path.coef[0], self.PATH[-1], rtol=1e-9)


@pytest.mark.parametrize("solver", problems.PATH_SOLVERS)
def test_glmnet_vectors_of_statsmodels(solver):
    """81 solutions by R's glmnet, printed to 7 digits. glmnet divides y by its 1/n standard deviation s, so that its L2
    weight in the units of y is lambda (1 - alpha) / s."""
    data = np.loadtxt(DATA / "statsmodels_lasso_data.csv", delimiter=",")
    table = np.genfromtxt(DATA / "statsmodels_glmnet_results.csv", delimiter=",", skip_header=1)
    assert len(table) == 81
    for n, p, mix, lam, *coef in table:
        n, p = int(n), int(p)
        y, X = data[:n, 0], data[:n, 1:p + 1]
        y, X = (y - y.mean()) / y.std(ddof=1), (X - X.mean(0)) / X.std(0, ddof=1)
        l1, l2 = lam * mix, lam * (1 - mix) / np.sqrt(np.mean(y**2))
        path = riata.fit_path(X, y, l1_ratio=l1 / (l1 + l2), alphas=[l1 + l2], intercept=False, solver=solver,
                              tol=1e-12)
        np.testing.assert_allclose(path.coef[0], coef[:p], atol=3e-6)      # glmnet stops at 1e-7 of the null deviance


HITTERS_RIDGE = {
    "AtBat": 0.036957182, "Hits": 0.138180344, "HmRun": 0.524629976, "Runs": 0.230701523, "RBI": 0.239841459,
    "Walks": 0.289618741, "Years": 1.107702929, "CAtBat": 0.003131815, "CHits": 0.011653637, "CHmRun":
    0.087545670, "CRuns": 0.023379882, "CRBI": 0.024138320, "CWalks": 0.025015421, "LeagueN": 0.085028114,
    "DivisionW": -6.215440973, "PutOuts": 0.016482577, "Assists": 0.002612988, "Errors": -0.021, "NewLeagueN":
    0.301}


class TestHitters:
    """James, Witten, Hastie and Tibshirani, "An Introduction to Statistical Learning", 1st ed., section 6.6.1."""

    def test_ridge(self):
        with open(packaged("ISLP", "data/Hitters.csv", "ISLP"), newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["Salary"] not in ("", "NA")]
        assert len(rows) == 263
        for row in rows:
            row |= {"LeagueN": row["League"] == "N", "DivisionW": row["Division"] == "W",
                    "NewLeagueN": row["NewLeague"] == "N"}
        X = np.array([[float(row[name]) for name in HITTERS_RIDGE] for row in rows])
        y = np.array([float(row["Salary"]) for row in rows])
        path = riata.fit_path(X, y, l1_ratio=0.0, alphas=[11497.57 / y.std()], standardize=True, tol=1e-12)
        assert path.intercept[0] == pytest.approx(407.356050200, rel=1e-5)
        for name, coef in zip(HITTERS_RIDGE, path.coef[0], strict=True):
            rounded = 5e-4 if name in ("Errors", "NewLeagueN") else 0.0
            assert coef == pytest.approx(HITTERS_RIDGE[name], rel=2e-5, abs=rounded), name


class TestProstate:
    """Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 2nd ed., table 3.3."""

    TEST = np.array([7, 9, 10, 15, 22, 25, 26, 28, 32, 34, 36, 42, 44, 48, 49, 50, 53, 54, 55, 57, 62, 64, 65, 66, 73,
                     74, 80, 84, 95, 97]) - 1

    @pytest.fixture
    def data(self):
        file = packaged("faraway", "datasets/prostate/prostate.csv.bz2", "faraway")
        table = np.genfromtxt(io.BytesIO(bz2.decompress(file.read_bytes())), delimiter=",", skip_header=1)
        table[31, 1] = 3.8044                            # the book's correction of row 32 (a weight of 44.9, not 449 g)
        X = (table[:, :8] - table[:, :8].mean(0)) / table[:, :8].std(0, ddof=1)
        train = np.setdiff1d(np.arange(97), self.TEST)
        return X[train], table[train, 8], X[self.TEST], table[self.TEST, 8]

    def test_least_squares(self, data):
        X, y, X_test, y_test = data
        path = riata.fit_path(X, y, alphas=[0.0])
        np.testing.assert_allclose(path.coef[0], [0.680, 0.263, -0.141, 0.210, 0.305, -0.288, -0.021, 0.267], atol=6e-4)
        assert path.intercept[0] == pytest.approx(2.465, abs=6e-4)
        assert ((y_test - path.predict(X_test)[:, 0]) ** 2).mean() == pytest.approx(0.521, abs=6e-4)

    def test_ridge_of_five_degrees_of_freedom(self, data):
        X, y, X_test, y_test = data
        square = np.linalg.svd(X - X.mean(0), compute_uv=False) ** 2
        low, high = 0.0, 1000.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if (square / (square + middle)).sum() > 5 else (low, middle)
        path = riata.fit_path(X, y, l1_ratio=0.0, alphas=[low / len(y)], tol=1e-12)
        np.testing.assert_allclose(path.coef[0], [0.420, 0.238, -0.046, 0.162, 0.227, 0.000, 0.040, 0.133], atol=5e-3)
        assert ((y_test - path.predict(X_test)[:, 0]) ** 2).mean() == pytest.approx(0.492, abs=5e-3)


R_SCRIPT = """
suppressMessages(library(glmnet))
X <- as.matrix(read.csv("X.csv", header=FALSE)); y <- scan("y.csv", quiet=TRUE); w <- scan("w.csv", quiet=TRUE)
lambda <- scan("lambda.csv", quiet=TRUE)
fit <- glmnet(X, y, weights=w, alpha=ALPHA, standardize=TRUE, thresh=1e-16, maxit=1e7, lambda=lambda)
b <- format(t(as.matrix(coef(fit))), digits=17)
write.table(b, "coef.csv", sep=",", row.names=FALSE, col.names=FALSE, quote=FALSE)
"""


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_glmnet_in_r(mix, tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed: glmnet cannot be asked")
    if subprocess.run(["Rscript", "-e", "library(glmnet)"], capture_output=True, check=False).returncode:
        pytest.skip("R is here, its package glmnet is not")
    rng = np.random.default_rng(0)
    X, y = problems.draw(rng, 80, 10)
    w = rng.uniform(0.5, 2, 80)
    s = np.sqrt(np.average((y - np.average(y, weights=w)) ** 2, weights=w))
    lam = problems.grid(X, y, mix, weights=w, standardize=True)
    for name, values in {"X": X, "y": y, "w": w, "lambda": lam}.items():
        np.savetxt(tmp_path / f"{name}.csv", values, delimiter=",", fmt="%.17g")
    script = R_SCRIPT.replace("ALPHA", str(mix))
    subprocess.run(["Rscript", "-e", script], cwd=tmp_path, check=True, capture_output=True)
    theirs = np.loadtxt(tmp_path / "coef.csv", delimiter=",")
    for row, value in zip(theirs, lam, strict=True):
        l1, l2 = value * mix, value * (1 - mix) / s      # y is divided by s inside glmnet
        path = riata.fit_path(X, y, weights=w, l1_ratio=l1 / (l1 + l2), alphas=[l1 + l2], standardize=True, **TIGHT)
        np.testing.assert_allclose(np.r_[path.intercept[0], path.coef[0]], row, rtol=1e-5, atol=1e-6)
