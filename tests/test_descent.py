"""Gradient descent: optimisers step by step, answers against exact paths, certificates, laws, stops."""

import numpy as np
import pytest
from riata_engine.cpu.descent import DROPOUT, ORDER
from riata_engine.cpu.descent_rows import row_order
from riata_engine.cpu.steps import OPTIMISERS, STATE, step
from scipy import sparse
from scipy.optimize import brentq

import riata
from descent_reference import LOSSES, draw, referee_steps
from riata.functional import dropout
from riata.optim import Adam, AdamW, Armijo, Cosine, Momentum, OneCycle, StepDecay, descend
from riata_engine.formulas import margins, steps


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("penalty", [(0.0, 0.0), (0.02, 0.3)])
def test_steps_are_those_of_the_textbook(name, dtype, penalty):
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(6, 37)).astype(dtype)
    start = rng.normal(size=37).astype(dtype)
    b, v, s = start.copy(), np.zeros(37, dtype), np.zeros(37, dtype)
    for t, g in enumerate(gradients, 1):
        step(OPTIMISERS.index(name), b, g, v if STATE[name][0] else None, s if STATE[name][1] else None, t, 0.1, 0.9, 0.99, 1e-8,
             0.01, *penalty)
    expected = referee_steps(name, gradients.astype(float), start.astype(float), 0.1, *penalty)
    np.testing.assert_allclose(b, expected, rtol=0, atol=1e-13 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
def test_steps_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    A = torch.diag(torch.tensor([1.0, 10.0, 0.1], dtype=torch.float64))
    x = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    make = {"sgd": lambda: torch.optim.SGD([x], 0.05), "momentum": lambda: torch.optim.SGD([x], 0.05, momentum=0.9),
            "nesterov": lambda: torch.optim.SGD([x], 0.05, momentum=0.9, nesterov=True),
            "adagrad": lambda: torch.optim.Adagrad([x], 0.05, eps=1e-8),
            "rmsprop": lambda: torch.optim.RMSprop([x], 0.05, alpha=0.99, eps=1e-8),
            "adam": lambda: torch.optim.Adam([x], 0.05, betas=(0.9, 0.99)),
            "adamw": lambda: torch.optim.AdamW([x], 0.05, betas=(0.9, 0.99), weight_decay=0.01)}
    optimiser = make[name]()
    b, v, s = np.array([1.0, -2.0, 3.0]), np.zeros(3), np.zeros(3)
    for t in range(1, 30):
        optimiser.zero_grad()
        (0.5 * x @ A @ x).backward()
        optimiser.step()
        step(OPTIMISERS.index(name), b, A.numpy() @ b, v, s, t, 0.05, 0.9, 0.99, 1e-8, 0.01)
        np.testing.assert_allclose(b, x.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_schedules():
    assert steps.inverse_scaling(0.5, 0.5, 4.0) == 0.25
    assert steps.cosine_share(0, 10, 0.1) == 1
    assert steps.cosine_share(10, 10, 0.1) == pytest.approx(0.1)
    assert steps.cosine_share(5, 10, 0.0) == pytest.approx(0.5)
    shares = [steps.one_cycle_share(t, 100, 0.3, 0.04, 0.001) for t in range(101)]
    assert shares[0] == pytest.approx(0.04)
    assert max(shares) == shares[30] == 1
    assert shares[100] == pytest.approx(0.001)
    assert steps.step_share(7, 3, 0.5) == 0.25
    assert steps.exponential_share(3, 0.5) == 0.125
    assert steps.optimal_rate(0.1, 5.0, 1.0) == 2.0


@pytest.mark.parametrize(("schedule", "expected"), [("fixed", [0.2] * 4), (StepDecay(2, 0.1), [0.2, 0.2, 0.02, 0.02]),
                                                ("exponential", 0.2 * 0.95 ** np.arange(4.0))])
def test_history_holds_the_step_sizes(schedule, expected):
    X, y = draw(n=100)
    np.testing.assert_allclose(descend(X, y, step=0.2, schedule=schedule, epochs=4).history.step, expected)


@pytest.mark.parametrize(("y", "etas"), [(1.0, np.linspace(-3, 3, 13)), (-1.0, np.linspace(-3, 3, 13))])
def test_margin_formulas(y, etas):
    for eta in etas:
        z = y * eta
        assert margins.modified_huber_value(y, eta) == pytest.approx(max(0, 1 - z) ** 2 if z >= -1 else -4 * z)
        assert margins.perceptron_value(y, eta) == max(0, -z)
        h = 1e-6
        if abs(z) > 1e-3:
            for name in ("modified_huber", "perceptron"):
                value, slope = getattr(margins, f"{name}_value"), getattr(margins, f"{name}_slope")
                assert slope(y, eta) == pytest.approx((value(y, eta + h) - value(y, eta - h)) / (2 * h), abs=1e-5)


def gradient_descent(X, y, lr, epochs, mu=0.0, batches=None):
    """Least squares by hand: batch gradient descent with an intercept."""
    Z = np.column_stack([X, np.ones(len(X))])
    b, v = np.zeros(Z.shape[1]), np.zeros(Z.shape[1])
    for e in range(epochs):
        for rows in [slice(None)] if batches is None else batches(e):
            g = Z[rows].T @ (Z[rows] @ b - y[rows]) / len(y[rows])
            v = mu * v + g
            b = b - lr * v
    return b


@pytest.mark.parametrize("kind", ["C", "F", "float32", "csr", "csc"])
def test_runs_are_those_of_the_textbook(kind):
    X, y = draw(n=203, p=11)
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    given = {"C": np.ascontiguousarray, "F": np.asfortranarray, "float32": np.float32, "csr": sparse.csr_array,
             "csc": sparse.csc_array}[kind](X)
    if kind == "float32":
        X = given.astype(float)
    def batches(epoch):
        order = row_order(np.arange(len(y), dtype=np.int32), 1, 5, ORDER | epoch)
        return [order[at:at + 32] for at in range(0, len(y), 32)]

    run = descend(given, y, optimizer=Momentum(0.8), step=0.05, batch_size=32, epochs=4, seed=5)
    expected = gradient_descent(X, y, 0.05, 4, 0.8, batches)
    np.testing.assert_allclose(np.append(run.coef, run.intercept), expected, atol=1e-12 if kind != "float32" else 1e-6)


def test_an_epoch_sees_every_row_once_and_depends_on_seed_and_epoch():
    rows = np.arange(3, 1003, dtype=np.int32)
    orders = [row_order(rows, block, seed, stream) for block in (1, 7, 32) for seed in (0, 1) for stream in (0, 1)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), rows)
    assert len({order.tobytes() for order in orders}) == len(orders)
    np.testing.assert_array_equal(orders[0], row_order(rows, 1, 0, 0))
    first = np.array([row_order(np.arange(10, dtype=np.int32), 1, seed, 0)[0] for seed in range(3000)])
    assert np.abs(np.bincount(first) - 300).max() < 5 * np.sqrt(300)             # uniform: five standard deviations


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("optimizer", ["saga", "svrg", "sag", "centralvr"])
def test_reduced_variance_reaches_the_optimum(loss, l1_ratio, optimizer):
    X, y = draw(loss)
    path = riata.fit_path(X, y, loss=loss, alphas=[0.05], l1_ratio=l1_ratio, tol=1e-12)
    run = descend(X, y, loss=loss, alpha=0.05, l1_ratio=l1_ratio, optimizer=optimizer, batch_size=16, epochs=400)
    assert run.gap < 1e-8
    np.testing.assert_allclose(run.coef, path.coef[0], atol=1e-4)
    np.testing.assert_allclose(run.intercept, path.intercept[0], atol=1e-4)
    np.testing.assert_array_equal(run.coef == 0, path.coef[0] == 0)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adagrad"])
def test_all_rows_at_once_reach_the_optimum_of_an_elastic_net(optimizer):
    X, y = draw("logistic")
    path = riata.fit_path(X, y, loss="logistic", alphas=[0.05], l1_ratio=0.5, tol=1e-12)
    step = {"rmsprop": 0.01, "adam": 0.01, "adagrad": 0.3}.get(optimizer, "auto")
    schedule = Cosine() if optimizer in ("rmsprop", "adam") else "fixed"
    run = descend(X, y, loss="logistic", alpha=0.05, l1_ratio=0.5, optimizer=optimizer, batch_size=None, epochs=3000, step=step,
                  schedule=schedule)
    np.testing.assert_allclose(run.coef, path.coef[0], atol=2e-4)
    assert run.gap < 1e-5


def referee_gap(X, y, b, b0, alpha, l1_ratio):
    """Duality gap of an elastic-net logistic regression, from the textbook, for a ridge part above 0."""
    n = len(y)
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    eta = X @ b + b0
    primal = np.mean(np.logaddexp(0, eta) - y * eta) + l1 * np.abs(b).sum() + l2 / 2 * b @ b
    move = brentq(lambda move: np.sum(1 / (1 + np.exp(-eta - move)) - y), -10, 10, xtol=1e-15)
    u = 1 / (1 + np.exp(-eta - move)) - y
    u[u > 0] *= min(1, -u[u < 0].sum() / u[u > 0].sum())
    u[u < 0] *= min(1, -u[u > 0].sum() / u[u < 0].sum())
    q = y + u
    entropy = -(np.where(q > 0, q * np.log(np.where(q > 0, q, 1)), 0)
                + np.where(q < 1, (1 - q) * np.log(np.where(q < 1, 1 - q, 1)), 0))
    return primal - (entropy.mean() - (np.maximum(np.abs(X.T @ u) / n - l1, 0) ** 2).sum() / (2 * l2))


@pytest.mark.parametrize("epochs", [1, 5, 50])
def test_certificates_bound_the_distance_to_the_optimum(epochs):
    X, y = draw("logistic")
    best = descend(X, y, loss="logistic", alpha=0.05, l1_ratio=0.5, optimizer="saga", epochs=500)
    run = descend(X, y, loss="logistic", alpha=0.05, l1_ratio=0.5, epochs=epochs, batch_size=64)
    assert run.objective - best.objective <= run.absolute_gap + 1e-12
    assert run.absolute_gap == pytest.approx(referee_gap(X, y, run.coef, run.intercept, 0.05, 0.5), rel=1e-6, abs=1e-12)
    assert run.absolute_gap < 100 * (run.objective - best.objective) + 1e-9


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "modified_huber", "epsilon_insensitive",
                                  "squared_epsilon_insensitive", "perceptron"])
def test_certificates_of_margin_losses_bound_the_distance(loss):
    X, y = draw("squared" if "epsilon" in loss else "logistic")
    runs = [descend(X, y, loss=loss, alpha=0.1, epochs=epochs, step=0.01, schedule="inverse_scaling") for epochs in (3, 300)]
    assert runs[0].objective - runs[1].objective <= runs[0].absolute_gap + 1e-12
    if loss in ("squared_hinge", "modified_huber", "squared_epsilon_insensitive"):
        assert descend(X, y, loss=loss, alpha=0.1, optimizer="saga", epochs=300).gap < 1e-6


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "saga", "svrg", "centralvr", "nesterov"])
@pytest.mark.parametrize("storage", ["dense", "sparse"])
def test_a_problem_has_the_same_bits_alone_in_a_batch_and_on_threads(optimizer, storage):
    X, _ = draw(n=150, p=13)
    X = sparse.csr_array(X * (np.abs(X) > 1)) if storage == "sparse" else X
    rng = np.random.default_rng(3)
    Y = rng.integers(0, 2, (150, 70)).astype(float)
    settings = {"loss": "logistic", "alpha": 0.01, "l1_ratio": 0.3, "optimizer": optimizer, "step": 0.1, "epochs": 3,
                "batch_size": 17}
    batch = descend(X, Y, n_threads=1, **settings)
    many = descend(X, Y, n_threads=3, **settings)
    np.testing.assert_array_equal(batch.coef, many.coef)
    for b in (0, 3, 63, 64, 69):
        alone = descend(X, Y[:, b], **settings)
        np.testing.assert_array_equal(alone.coef, batch.coef[b])
        assert alone.intercept == batch.intercept[b]
        np.testing.assert_array_equal(alone.history.objective, batch.history.objective[b])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lazy_steps_are_those_of_all_coefficients():
    # below a megabyte, so that both storages are shuffled row by row
    X = sparse.random_array((300, 400), density=0.01, rng=np.random.default_rng(0), format="csr")
    y = np.asarray(X @ np.random.default_rng(1).normal(size=400) > 0, float)
    settings = {"loss": "logistic", "alpha": 1e-3, "l1_ratio": 0.5, "step": 0.5, "epochs": 5, "batch_size": 1, "clip": 0.4}
    lazy, whole = descend(X, y, **settings), descend(X.toarray(), y, **settings)
    np.testing.assert_allclose(lazy.coef, whole.coef, atol=1e-11)
    np.testing.assert_array_equal(lazy.coef == 0, whole.coef == 0)
    assert 0 < np.count_nonzero(lazy.coef) < 400
    strong = settings | {"alpha": 30.0, "epochs": 20}                # products of shrinkages pass below the smallest number
    np.testing.assert_allclose(descend(X, y, **strong).coef, descend(X.toarray(), y, **strong).coef, atol=1e-12)


def test_the_default_optimizer_has_no_noise_floor_where_the_loss_is_smooth():
    X, y = draw("logistic", n=4000)
    run = descend(X, y, loss="logistic", alpha=0.01, epochs=15)
    assert run.gap < 1e-6
    np.testing.assert_array_equal(run.coef, descend(X, y, loss="logistic", alpha=0.01, epochs=15, optimizer="centralvr").coef)
    for given in ({"step": 0.1}, {"schedule": "cosine"}, {"dropout": 0.2}, {"average": True}, {"clip": 1.0}):
        run, plain = (descend(X, y, loss="logistic", epochs=2, **given, **more) for more in ({}, {"optimizer": "sgd"}))
        np.testing.assert_array_equal(run.coef, plain.coef)


def correlated(n=6000, p=20, correlation=0.95):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    return X, (X @ rng.normal(size=p) / 4 > rng.logistic(size=n)).astype(float)


@pytest.mark.parametrize("loss", ["logistic", "squared"])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 10.0])
def test_steps_turned_by_curvature_reach_the_optimum_whatever_the_correlation(loss, alpha):
    X, y = correlated()
    best = riata.fit_path(X, y, loss=loss, alphas=[alpha], l1_ratio=0.0, tol=1e-13)
    run = descend(X, y, loss=loss, alpha=alpha, batch_size=64, epochs=12, optimizer="centralvr")
    eta = X @ best.coef[0] + best.intercept[0]
    losses = np.logaddexp(0, eta) - y * eta if loss == "logistic" else (y - eta) ** 2 / 2
    assert run.objective <= (np.mean(losses) + alpha / 2 * best.coef[0] @ best.coef[0]) * (1 + 1e-7)
    if alpha < 1:                                                             # the features are what "svrg" is slowed by
        slower = descend(X, y, loss=loss, alpha=alpha, batch_size=64, epochs=12, optimizer="svrg")
        assert slower.objective - run.objective > 1e-7


def test_turned_steps_have_the_same_bits_alone_and_in_a_batch_of_other_penalties():
    X, y = correlated(n=2000, p=11)
    Y, alpha = np.column_stack([y, 1 - y, y, y]), [1e-3, 0.0, 0.1, 50.0]
    batch = descend(X, Y, loss="logistic", alpha=alpha, batch_size=100, epochs=3)
    for b in range(4):
        alone = descend(X, Y[:, b], loss="logistic", alpha=alpha[b], batch_size=100, epochs=3)
        np.testing.assert_array_equal(alone.coef, batch.coef[b])
        assert (alone.intercept, alone.step) == (batch.intercept[b], batch.step[b])


def test_a_feature_that_the_rows_looked_at_have_not_seen_does_not_diverge():
    X, y = correlated(n=6000)
    X[:, 3] = 0
    X[1:6000:100, 3] = 30.0                                                    # between the rows of the sample
    run = descend(X, y, loss="logistic", alpha=1e-3, epochs=20)
    best = riata.fit_path(X, y, loss="logistic", alphas=[1e-3], l1_ratio=0.0, tol=1e-12)
    eta = X @ best.coef[0] + best.intercept[0]
    least = np.mean(np.logaddexp(0, eta) - y * eta) + 5e-4 * best.coef[0] @ best.coef[0]
    assert run.status != "diverged"
    assert least * (1 - 1e-12) <= run.objective <= least * (1 + 1e-3)


def test_centralvr_keeps_a_start_that_is_the_optimum():
    X, y = correlated()
    best = descend(X, y, loss="logistic", alpha=1e-3, epochs=25)
    again = descend(X, y, loss="logistic", alpha=1e-3, epochs=1, start=(best.coef, best.intercept))
    np.testing.assert_allclose(again.coef, best.coef, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["svrg", "centralvr"])
def test_epochs_that_end_at_the_mean_of_their_points_have_exact_zeros(optimizer):
    X, y = correlated()
    run = descend(X, y, loss="logistic", alpha=0.05, l1_ratio=0.9, optimizer=optimizer, epochs=300)
    path = riata.fit_path(X, y, loss="logistic", alphas=[0.05], l1_ratio=0.9, tol=1e-12)
    np.testing.assert_array_equal(run.coef == 0, path.coef[0] == 0)
    assert 0 < np.count_nonzero(run.coef) < X.shape[1]


def test_blocks_stay_whole_and_in_order_where_a_mini_batch_holds_many():
    rows = np.arange(1000, dtype=np.int32)
    order = row_order(rows, 10, 3, 0, inside=False)
    np.testing.assert_array_equal(np.sort(order), rows)
    assert 99 <= np.count_nonzero(np.diff(order) != 1) <= 101
    assert (order != row_order(rows, 10, 4, 0, inside=False)).any()


@pytest.mark.parametrize("storage", ["dense", "float32", "sparse"])
def test_certificates_have_the_same_bits_alone_and_in_a_batch(storage):
    X, _ = draw(n=150, p=13)
    X = {"dense": X, "float32": np.float32(X), "sparse": sparse.csr_array(X * (np.abs(X) > 1))}[storage]
    Y = np.random.default_rng(3).integers(0, 2, (150, 7)).astype(float)
    batch = descend(X, Y, loss="logistic", alpha=0.01, step=0.1, epochs=3)
    for b in range(7):
        alone = descend(X, Y[:, b], loss="logistic", alpha=0.01, step=0.1, epochs=3)
        assert (alone.gap, alone.objective) == (batch.gap[b], batch.objective[b])


def test_weights_are_ratios_and_zero_leaves_a_row_out():
    X, y = draw()
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    settings = {"optimizer": "nesterov", "batch_size": None, "epochs": 800, "alpha": 0.1}
    weighted = descend(X, y, weights=w, **settings)
    np.testing.assert_allclose(weighted.coef, descend(X, y, weights=7 * w, **settings).coef, atol=1e-12)
    rows = np.repeat(np.arange(len(y)), w.astype(int))
    np.testing.assert_allclose(weighted.coef, descend(X[rows], y[rows], **settings).coef, atol=1e-8)


def test_groups_are_zero_together_and_optimal():
    X, y = draw(p=9, seed=4)
    labels = np.repeat([0, 1, 2], 3)
    path = riata.fit_group_path(X, y, labels, alphas=[0.25], tol=1e-12)
    run = descend(X, y, alpha=0.25, l1_ratio=1.0, groups=labels, optimizer="saga", epochs=600)
    np.testing.assert_allclose(run.coef, np.ravel(path.coef[0]), atol=1e-5)
    assert run.gap < 1e-8


def test_armijo_never_raises_the_objective():
    X, y = draw("poisson")
    run = descend(X, y, loss="poisson", schedule=Armijo(), batch_size=None, step=100.0, epochs=200, alpha=0.1, l1_ratio=0.5)
    assert (np.diff(run.history.objective) <= 1e-9).all()
    assert run.gap < 1e-6


def test_validation_stops_and_restores_the_best():
    X, y = draw(n=120, p=60, seed=2)
    run = descend(X, y, validation=0.3, epochs=2000, tol=0.0, patience=4, optimizer="nesterov", batch_size=16)
    assert run.status == "no_improvement"
    assert run.n_epochs < 2000
    assert run.history.validation_loss.argmin() == run.n_epochs - 5
    rows = np.arange(0, 120, 3)
    fixed = descend(X, y, validation=rows, epochs=300, batch_size=16)
    loss = np.mean((y[rows] - fixed.decision_function(X[rows])) ** 2) / 2
    assert loss == pytest.approx(fixed.history.validation_loss.min(), rel=1e-12)
    last = descend(X, y, validation=rows, epochs=300, batch_size=16, restore_best=False)
    assert np.mean((y[rows] - last.decision_function(X[rows])) ** 2) / 2 == pytest.approx(last.history.validation_loss[-1])


def test_rows_of_validation_are_not_learnt_from():
    X, y = draw()
    other = y.copy()
    other[:50] = 1e3
    settings = {"validation": np.arange(50), "restore_best": False, "epochs": 5}
    np.testing.assert_array_equal(descend(X, y, **settings).coef, descend(X, other, **settings).coef)


def test_divergence_ends_with_a_sentence_and_finite_coefficients():
    X, y = draw()
    with pytest.warns(UserWarning, match="step"):
        run = descend(X, y, step=1e3, epochs=50)
    assert run.status == "diverged"
    assert "too large" in run.message
    assert np.isfinite(run.coef).all()
    assert np.isfinite(run.objective)
    assert run.objective <= np.mean(y**2) / 2 * 1.0001


def test_an_automatic_step_takes_losses_without_a_bound():
    X, y = draw("poisson", seed=5)
    for factor in (1.0, 30.0):                                # large columns: e^η overflows for steps of the null model's size
        run = descend(factor * X, y, loss="poisson", epochs=300, optimizer="saga")
        assert run.status == "max_epochs"
        assert run.objective < 2.0


def test_averaging_lowers_the_noise_floor():
    X, y = draw(n=1000)
    plain, mean = (descend(X, y, step=0.3, batch_size=8, epochs=60, average=average) for average in (False, True))
    assert mean.absolute_gap < plain.absolute_gap / 5


def test_dropout_is_a_ridge_penalty_of_least_squares():
    """In expectation: E ½(y − b·(x∘m)/(1−r))² adds r/(1−r)/2 · Σ b_j² mean(x_j²) (Wager, Wang & Liang 2013)."""
    X, y = draw(n=2000, p=4)
    y = y - y.mean()
    X = X - X.mean(axis=0)
    rate = 0.4
    run = descend(X, y, dropout=rate, epochs=400, step=0.05, schedule=Cosine(), average=2000, intercept=False, batch_size=50)
    ridge = np.linalg.solve(X.T @ X / 2000 + rate / (1 - rate) * np.diag((X * X).mean(axis=0)), X.T @ y / 2000)
    np.testing.assert_allclose(run.coef, ridge, atol=0.01)
    again = descend(sparse.csr_array(X), y, dropout=rate, epochs=3, intercept=False)
    assert np.abs(again.coef).max() > 0


@pytest.mark.parametrize("rate", [0.5, 0.25, 0.3])
@pytest.mark.parametrize("kind", ["C", "float32", "csr"])
def test_dropout_is_that_of_riata_functional(kind, rate):
    """One step from zero: b = step · Zᵀy / n with Z the entries of X, dropped by their places. Rows of CSR X differ in length."""
    rng = np.random.default_rng(1)
    X = np.where(rng.uniform(size=(70, 600)) < rng.uniform(size=(70, 1)), rng.normal(size=(70, 600)), 0.0)
    y = rng.normal(size=70)
    X = {"C": X, "float32": X.astype(np.float32), "csr": sparse.csr_array(X)}[kind]
    run = descend(X, y, dropout=rate, batch_size=None, epochs=1, step=0.1, optimizer="sgd", intercept=False, seed=3)
    if kind == "csr":
        Z = sparse.csr_array((dropout(X.data, rate, seed=3, stream=DROPOUT), X.indices, X.indptr), X.shape)
    else:
        Z = dropout(X, rate, seed=3, stream=DROPOUT).astype(float)
    np.testing.assert_allclose(run.coef, 0.1 * (Z.T @ y) / 70, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", ["sag", "saga"])
def test_dropout_and_a_memory_of_slopes_do_not_go_together(optimizer):
    X, y = draw()
    with pytest.raises(ValueError, match=f"dropout with optimizer = '{optimizer}'.*'svrg'"):
        descend(X, y, optimizer=optimizer, dropout=0.1)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_gap_without_a_penalty_does_not_depend_on_the_units_of_columns(kind, intercept):
    """It was 2 · 10 times the gradient: of columns in small units next to nothing, at coefficients of zero."""
    X, y = draw()
    unit = np.array([1e-6, 1e-3, 1.0, 1.0, 1e3, 1e6, 1.0])
    still = {"epochs": 1, "step": 1e-300, "batch_size": None, "intercept": intercept}
    plain, scaled = (descend(kind(Z), y, **still) for Z in (X, X * unit))
    assert scaled.absolute_gap == pytest.approx(plain.absolute_gap, rel=1e-9)
    Z = np.column_stack([X, np.ones(400)]) if intercept else X
    least = np.mean((y - Z @ np.linalg.lstsq(Z, y)[0]) ** 2) / 2
    assert scaled.absolute_gap >= scaled.objective - least


def test_rows_of_validation_may_not_have_all_the_weight():
    X, y = draw()
    weights = (np.arange(400) >= 390).astype(float)
    with pytest.raises(ValueError, match="weights are 0 on all rows but those of validation"):
        descend(X, y, weights=weights, validation=np.arange(390, 400))


def test_svrg_with_dropout_finds_the_ridge_of_its_masks():
    """An epoch of SVRG has one mask for each row: its mean over the epochs is that of plain steps."""
    X, y = draw(n=1000, p=4)
    X, y = X - X.mean(axis=0), y - y.mean()
    run = descend(X, y, dropout=0.3, optimizer="svrg", epochs=300, step=0.05, schedule=Cosine(), average=1500, intercept=False,
                  batch_size=50)
    ridge = np.linalg.solve(X.T @ X / 1000 + 0.3 / 0.7 * np.diag((X * X).mean(axis=0)), X.T @ y / 1000)
    np.testing.assert_allclose(run.coef, ridge, atol=0.02)


def test_clipping_bounds_a_step():
    X, y = draw()
    run = descend(X, 1e6 * y, step=1.0, clip=0.1, epochs=1, batch_size=None)
    assert np.sqrt((run.coef**2).sum() + run.intercept**2) == pytest.approx(0.1)


def test_a_start_and_the_order_of_columns_in_memory_do_not_matter():
    X, y = draw()
    first = descend(X, y, epochs=3, step=0.1, batch_size=None)
    second = descend(X, y, epochs=4, step=0.1, batch_size=None, start=(first.coef, first.intercept))
    np.testing.assert_allclose(second.coef, descend(X, y, epochs=7, step=0.1, batch_size=None).coef, atol=1e-14)


def test_the_callers_arrays_stay():
    X, y = draw("logistic")
    S = sparse.csr_array(X)
    before = X.copy(), y.copy(), S.data.copy()
    descend(X, y, loss="logistic", optimizer=Adam(), epochs=2)
    descend(S, y, loss="logistic", optimizer=AdamW(decay=0.1), epochs=2, schedule=OneCycle())
    for a, b in zip(before, (X, y, S.data), strict=True):
        np.testing.assert_array_equal(a, b)


def test_time_budget():
    X, y = draw(n=20000, p=50)
    run = descend(X, y, step=0.1, epochs=10**6, time_budget=1.0)
    assert run.status == "time_budget"
    assert 1 <= run.n_epochs < 10**6
    assert np.isfinite(run.coef).all()
