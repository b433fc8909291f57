"""Other libraries' names of arguments: a call that uses one is told the name here."""

from difflib import get_close_matches
from functools import wraps
from inspect import signature

#: scikit-learn's and glmnet's names (and other spellings) -> the name here, and what to know about its values
NAMES = {
    "alpha": ("alphas", "alphas=[0.1] is one penalty strength; the mix that glmnet calls alpha is l1_ratio"),
    **dict.fromkeys(("lambda_", "lambda_path", "lambdas", "lmda", "lmda_path"), ("alphas", "")),
    **dict.fromkeys(("n_alphas", "n_lambda", "n_lambdas", "nlambda"), ("alphas", "an int is a number of alphas")),
    **dict.fromkeys(("eps", "lambda_min_ratio", "min_ratio", "alpha_ratio"), ("alpha_min_ratio", "last alpha / first alpha")),
    **dict.fromkeys(("l1_ratios", "rho"), ("l1_ratio", "")),
    **dict.fromkeys(("sample_weight", "sample_weights", "weight", "obs_weights"), ("weights", "")),
    **dict.fromkeys(("penalty_factors", "penalty_weights", "relative_penalties"), ("penalty_factor", "")),
    "exclude": ("penalty_factor", "inf leaves a feature out"),
    **dict.fromkeys(("lower_limits", "lower_limit", "lower_bound", "lower_bounds"), ("lower", "")),
    **dict.fromkeys(("upper_limits", "upper_limit", "upper_bound", "upper_bounds"), ("upper", "")),
    **dict.fromkeys(("bounds", "limits"), ("lower", "and upper")),
    **dict.fromkeys(("non_negative", "nonneg"), ("positive", "")),
    "fit_intercept": ("intercept", ""),
    **dict.fromkeys(("normalize", "standardise", "standardized"), ("standardize", "coefficients stay on the scale of X")),
    **dict.fromkeys(("max_iter", "maxit", "max_iters"), ("max_epochs", "")),
    **dict.fromkeys(("thresh", "threshold", "tolerance"), ("tol", "the relative duality gap")),
    **dict.fromkeys(("n_jobs", "num_threads", "n_core", "n_cores"), ("n_threads", "None is all that are allowed")),
    **dict.fromkeys(("verbose", "trace_it", "callback"), ("progress", "a function of (done, total)")),
    **dict.fromkeys(("cv_folds", "n_folds", "nfolds", "n_splits", "folds", "foldid"), ("cv", "")),
    **dict.fromkeys(("inner_folds", "n_inner_folds"), ("inner_cv", "")),
    **dict.fromkeys(("random_state", "random_seed"), ("seed", "an int")),
    **dict.fromkeys(("family", "loss_function", "objective"), ("loss", "a name such as 'logistic'")),
    **dict.fromkeys(("type_measure", "measure", "metric"), ("scoring", "a name such as 'auc', or a scorer")),
    "stratified": ("stratify", "a number of quantile bins of y"),
    "y": ("Y", "targets (n,) or (n, B)"),
    "Y": ("y", "one target; riata.fit_batch takes many"),
    "x": ("X", ""),
}
#: arguments that have no counterpart -> why none is needed
NEEDLESS = {
    **dict.fromkeys(("copy_X", "copy_x"), "X is never changed"),
    **dict.fromkeys(("warm_start", "coef_init", "selection", "precompute", "Xy"),
                    "the engine chooses its own way, and every answer is certified"),
}
#: arguments that not every function has -> which has it
ELSEWHERE = {**dict.fromkeys(("cv", "seed", "groups", "stratify", "n_repeats"), "cross_validate_path"), "loss": "fit_path",
            "max_memory": "fit_batch", "inner_cv": "cross_validate_path",
            "scoring": "cross_validate_path", "rule": "nested_cross_validate"}


def native(function):
    """Let a call with an argument that `function` does not have raise a TypeError that names the right word.

    The signature stays as it is written.
    """
    parameters = signature(function).parameters
    in_place = [name for name, parameter in parameters.items() if parameter.kind == parameter.POSITIONAL_OR_KEYWORD]

    @wraps(function)
    def called(*args, **kwargs):
        for name in kwargs:
            if name not in parameters:
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}: "
                                f"{_advice(name, parameters, function.__name__)}")
        if len(args) > len(in_place):
            raise TypeError(f"{function.__name__}() takes {' and '.join(in_place)} by position, and {len(args)} values were "
                            "given: give the others by name, for example l1_ratio=0.5")
        return function(*args, **kwargs)

    return called


def _advice(name, parameters, function):
    if name in NEEDLESS:
        return f"leave it out, {NEEDLESS[name]}"
    right, remark = NAMES.get(name, (name, ""))
    if right in parameters:
        return f"it is called {right} here{f' ({remark})' if remark else ''}"
    if right in ELSEWHERE:
        why = "nothing is random here, leave it out; " if right == "seed" else ""
        return f"{why}riata.{ELSEWHERE[right]} has {right}, {function} has not"
    close = get_close_matches(name, parameters, n=1)
    return f"did you mean {close[0]}?" if close else f"it has {', '.join(parameters)}"
