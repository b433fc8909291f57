"""What SGDRegressor and SGDClassifier share: parameters, runs of the engine, and what they leave behind."""

import warnings
from copy import copy
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from riata.optim.descend import KEEPING, MARGINS
from riata.optim.optimizers import Optimizer, check_optimizer
from riata.optim.result import MEANING, History
from riata_engine.batch import Interrupted
from riata_engine.descent import ENDED, Descent, descend

from ._base import LinearPredictor
from ._parameters import InvalidParameterError

#: scikit-learn's names of losses -> those here
LOSS_NAMES = {"squared_error": "squared", "log_loss": "logistic"}
#: scikit-learn's names of schedules -> those of the engine
SCHEDULE_NAMES = {"constant": "fixed", "invscaling": "inverse_scaling", "optimal": "optimal", "adaptive": "adaptive",
                  "pa1": "pa1", "pa2": "pa2", "cosine": "cosine", "one_cycle": "one_cycle", "auto": "fixed"}
ONE_CYCLE = {"s0": 0.3, "s1": 0.04, "s2": 4e-6}
PENALTIES = ("l2", "l1", "elasticnet", None)


def _is_real(value):
    return isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(value)


def _is_count(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1


def _is_flag(value):
    return isinstance(value, (bool, np.bool_))


_CHECKS = {
    "penalty": (lambda v: v in PENALTIES, f"one of {PENALTIES}"),
    "alpha": (lambda v: _is_real(v) and v >= 0, "a finite number >= 0"),
    "l1_ratio": (lambda v: _is_real(v) and 0 <= v <= 1, "a number in [0, 1]"),
    "max_iter": (_is_count, "an int >= 1"),
    "tol": (lambda v: v is None or (_is_real(v) and v >= 0), "None or a finite number >= 0"),
    "epsilon": (lambda v: _is_real(v) and v >= 0, "a finite number >= 0"),
    "learning_rate": (lambda v: isinstance(v, str) and v in SCHEDULE_NAMES, f"one of {tuple(SCHEDULE_NAMES)}"),
    "eta0": (lambda v: _is_real(v) and v > 0, "a finite number > 0"),
    "power_t": (lambda v: _is_real(v), "a finite number"),
    "validation_fraction": (lambda v: _is_real(v) and 0 < v < 1, "a number in (0, 1)"),
    "n_iter_no_change": (_is_count, "an int >= 1"),
    "average": (lambda v: _is_flag(v) or (isinstance(v, Integral) and v >= 0), "True, False or an int >= 0"),
    "batch_size": (lambda v: v is None or _is_count(v), "None or an int >= 1"),
    "dropout": (lambda v: _is_real(v) and 0 <= v < 1, "a number in [0, 1)"),
    "optimizer": (lambda v: isinstance(v, (str, Optimizer)), "a name or one of the classes of riata.optim"),
    "early_stopping": (lambda v: _is_flag(v) or callable(v), "True, False or a function of the estimator for a loss"),
    **dict.fromkeys(("fit_intercept", "shuffle", "warm_start"), (_is_flag, "True or False")),
}


class StochasticLinear(LinearPredictor):
    """A linear model fitted by gradient descent in mini-batches."""

    def _check_sgd(self, losses, partial=False):
        name = type(self).__name__
        if self.loss not in losses:
            raise InvalidParameterError(f"The 'loss' parameter of {name} must be one of {tuple(losses)}. "
                                        f"Got {self.loss!r} instead.")
        for what, (allowed, expected) in _CHECKS.items():
            value = getattr(self, what)
            if what == "l1_ratio" and value is None and self.penalty != "elasticnet":
                continue
            if not allowed(value):
                raise InvalidParameterError(f"The {what!r} parameter of {name} must be {expected}. Got {value!r} instead.")
        optimizer = check_optimizer(self.optimizer)
        if partial and self.early_stopping:
            raise ValueError("early_stopping should be False with partial_fit: it needs all rows at once")
        if partial and optimizer.name in ("sag", "saga", "svrg", "centralvr"):
            raise ValueError(f"optimizer={optimizer.name!r} keeps a slope of every row, and cannot be used with partial_fit: "
                             "take 'sgd' or another that needs none")
        if self.dropout and optimizer.name in KEEPING:
            raise ValueError(f"dropout={self.dropout} with optimizer={optimizer.name!r}: it keeps slopes of rows that dropout "
                             "has changed since. Take 'svrg', 'sgd' or another that keeps none")
        if self.learning_rate == "optimal" and self.alpha == 0:
            raise ValueError("alpha must be > 0 since learning_rate is 'optimal', which is made from it: "
                             "give learning_rate='constant'")
        if self.learning_rate in ("pa1", "pa2"):
            needed = "hinge" if "hinge" in losses else "epsilon_insensitive"
            if self.loss != needed:
                raise ValueError(f"Learning rate {self.learning_rate!r} only works with loss {needed!r}.")
            if self.batch_size != 1 or optimizer.name != "sgd":
                raise ValueError(f"learning_rate={self.learning_rate!r} is for optimizer='sgd' and batch_size=1, got "
                                 f"optimizer={optimizer.name!r} and batch_size={self.batch_size!r}")

    def _problem(self, X, Y, weights, held=None, start=None, partial=False):
        """The engine's ``Descent`` of checked data; Y (n, B) coded for the loss. ``partial``: one epoch from where the last call
        ended, weights as they are."""
        optimizer = check_optimizer(self.optimizer)
        B = Y.shape[1]
        ratio = {"l1": 1.0, "l2": 0.0, None: 0.0}.get(self.penalty, self.l1_ratio)
        alpha = 0.0 if self.penalty is None else float(self.alpha)
        learnt = X.shape[0] - (0 if held is None else len(held))
        batch = learnt if self.batch_size is None else min(self.batch_size, learnt)
        numbers = {"invscaling": {"s0": float(self.power_t)}, "one_cycle": ONE_CYCLE}.get(self.learning_rate, {})
        seed = self.random_state
        if not isinstance(seed, Integral) or seed < 0:
            seed = int(check_random_state(seed).randint(np.iinfo(np.int32).max))
        t0 = 1.0
        if self.learning_rate == "optimal":       # scikit-learn's: a first step as long as coefficients are expected to be
            t0 = 1 / (np.sqrt(1 / np.sqrt(self.alpha)) * self.alpha)
        return Descent(
            X, Y, LOSS_NAMES.get(self.loss, self.loss), np.full(B, alpha), np.full(B, float(ratio)),
            np.arange(B), parameter=float(self.epsilon), weights=weights, keep_weights=partial,
            intercept=bool(self.fit_intercept), step="auto" if self.learning_rate == "auto" else float(self.eta0),
            schedule=SCHEDULE_NAMES[self.learning_rate], t0=t0, rate_alpha=float(self.alpha), batch_size=batch,
            epochs=1 if partial else int(self.max_iter), shuffle=bool(self.shuffle),
            seed=seed, dropout=float(self.dropout), held=held,
            measure=self._measure(X.dtype), patience=int(self.n_iter_no_change),
            tol=-np.inf if self.tol is None or partial else float(self.tol),
            state=self._last_state(B) if partial else None, start=start,
            average_from=(int(self.average) - 1) // batch if self.average else -1, n_threads=self._threads(),
            certify=not partial, **numbers, **optimizer.settings)

    def _measure(self, dtype):
        """``early_stopping`` as a function of coefficients, if it is one: it sees a copy of the estimator that has them."""
        if not callable(self.early_stopping):
            return None
        model = copy(self)

        def measure(coef, intercept):
            model.coef_ = self._shaped(coef.astype(dtype, copy=False))
            model.intercept_ = intercept.astype(dtype, copy=False)
            return self.early_stopping(model)

        return measure

    def _threads(self):
        jobs = getattr(self, "n_jobs", None)
        return None if jobs is None or jobs < 0 else int(jobs)

    def _run(self, problem):
        try:
            answers = descend(problem)
        except Interrupted as stopped:
            stopped.args = (f"{type(self).__name__}.fit: interrupted; .solution holds what is done",)
            raise
        names = [ENDED[code] for code in answers.status]
        if "diverged" in names:
            warnings.warn(f"{type(self).__name__}: {MEANING['diverged']}. Give a smaller eta0, learning_rate='auto', or scale X.",
                          ConvergenceWarning, stacklevel=4)
        elif problem.certify and self.tol is not None and "max_epochs" in names:
            warnings.warn("Maximum number of iteration reached before convergence. Consider increasing max_iter to improve the "
                          "fit.", ConvergenceWarning, stacklevel=4)
        return answers

    def _keep_answers(self, answers, dtype, one):
        """Fitted attributes; ``one`` where there is one problem."""
        self.n_iter_ = max(1, int(answers.n_epochs.max(initial=1)))
        self.t_ = 1.0 + float(answers.state["t"].max())
        self.history_ = History(**{name: values[0][:self.n_iter_] if one else values[:, :self.n_iter_]
                                   for name, values in answers.history.items()})
        self.gap_ = float(answers.gap[0]) if one else answers.gap
        self._state = None if "memory" in answers.state else answers.state
        coef, intercept = answers.coef.astype(dtype, copy=False), answers.intercept.astype(dtype, copy=False)
        return coef, intercept if self.fit_intercept else np.zeros(len(coef), dtype)

    @staticmethod
    def _shaped(coef):
        """``coef_`` of coefficients (B, p)."""
        return coef

    def _last_state(self, B):
        """Where the last call ended, at the coefficients of now; None at the first."""
        state = getattr(self, "_state", None)
        if state is not None and not self.average:
            p = self.n_features_in_
            state["b"][:, :p], state["b"][:, -8] = np.reshape(self.coef_, (B, p)), np.reshape(self.intercept_, B)
        return state


def coded(codes, n_classes, loss):
    """(n, B) targets of classes: one problem for two classes, else each against the rest; 0 and 1, or ±1."""
    Y = (codes[:, None] == (np.array([1]) if n_classes == 2 else np.arange(n_classes))).astype(float)
    return 2 * Y - 1 if loss in MARGINS else Y
