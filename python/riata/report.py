"""A cross-validated fit as a folder that one can hand to somebody: numbers, plots, model and a page of text.

``summarize`` turns a CVResult into plain data (what ``--json`` prints); ``write_report`` writes the folder:

=================  ====================================================================
``summary.md``     what was fitted, what was chosen, the selected features
``coefficients.csv``  every selected feature: coefficient and standardised size by both rules
``model.json``     the chosen model, for `riata.load_model` and ``riata predict``
``path.png``       coefficients against alpha
``cv.png``         held-out error against alpha
``heatmap.png``    held-out error over (alpha, l1_ratio)
``coefficients.png``  the largest standardised coefficients
=================  ====================================================================
"""
import csv
import io
from pathlib import Path

import numpy as np

from .losses import SQUARED
from .persistence import atomic_path, save_model, write_text

UNFINISHED = ("max_iter", "time_budget", "not_finite")
DPI = 200
PLOTS = ("path.png", "cv.png", "heatmap.png", "coefficients.png")
FILES = ("summary.md", "coefficients.csv", "model.json", *PLOTS)


def standard_deviations(X, weights=None, block=1 << 22):
    """Weighted standard deviation (divisor Σw) of each column of a dense X, two passes over a few columns at a time.

    Parameters
    ----------
    X : array (n, p)
    weights : array (n,), optional
    block : int, default 2²²
        Largest number of entries of the temporary copy.

    Returns
    -------
    array (p,)
    """
    X = np.asarray(X)
    n, p = X.shape
    share = np.full(n, 1 / n) if weights is None else np.asarray(weights, float) / np.sum(weights)
    deviations = np.empty(p)
    step = max(1, block // max(n, 1))
    for j in range(0, p, step):
        columns = np.asarray(X[:, j:j + step], dtype=np.float64)
        _, exponents = np.frexp(np.abs(columns).max(axis=0))           # powers of two: exact, and no square overflows
        columns = np.ldexp(columns, -exponents)
        centred = columns - share @ columns
        constant = columns.min(axis=0) == columns.max(axis=0)          # else the rounding of the mean would show
        deviations[j:j + step] = np.where(constant, 0.0, np.ldexp(np.sqrt(share @ centred ** 2), exponents))
    return deviations


def summarize(cv, X, y, *, name="data", target="y", weights=None, seconds=None, rule="min", notes=()):
    """Everything that a report says, as plain data for JSON.

    Parameters
    ----------
    cv : CVResult
    X : array (n, p)
        What was fitted; only the spread of its columns is used.
    y : array (n,)
        Numbers, or labels of two classes.
    name, target : str
    weights : array (n,), optional
    seconds : float, optional
        Wall time of the fit.
    rule : {"min", "1se"}
        Which choice is the model.
    notes : sequence of str
        Sentences for the reader of the report.

    Returns
    -------
    dict
        ``choices["min" | "1se"]`` hold ``alpha``, ``l1_ratio``, ``intercept``, ``heldout_error`` and ``heldout_se``
        (mean deviance over the folds, of squared loss the mean squared error), ``heldout_r2`` (of squared loss: 1 − error /
        variance of y; None without a variance), ``heldout_explained`` (of other losses: 1 − error / null deviance),
        ``heldout_score`` and ``heldout_score_se`` (where another measure, ``scoring``, chose),
        ``deviance_explained`` (on the training rows), ``end_of_grid`` (whether the smallest alpha of the grid did best),
        ``end_of_l1_ratios`` (whether the smallest or largest l1_ratio did, short of 0 and 1) and ``coefficients``, largest
        standardised size first: ``feature``, ``coefficient``, ``sign``, ``standardised`` =
        coefficient · sd(x_j) / sd(y), under a link coefficient · sd(x_j). ``loss`` has its ``name``, ``parameter`` and
        ``link``, ``classes`` the two labels, of which the model predicts the second, or None. ``largest_gap`` and ``status``
        count every fit, those of the folds too.
    """
    if rule not in ("min", "1se"):
        raise ValueError(f"rule is {rule!r}: give 'min' or '1se'")
    names = feature_names(cv)
    loss, classes = cv.path.loss, cv.path.classes
    squared, by_deviance = loss.name == "squared", cv.scoring == "deviance"
    scale = standardising_scale(X, y, weights, loss)
    y_sd = float(standard_deviations(np.asarray(y)[:, None], weights)[0]) if squared else None
    choices = {}
    for which in ("min", "1se"):
        r, i = getattr(cv, f"index_{which}")
        coef = np.asarray(getattr(cv, f"coef_{which}"), float)
        error = float(cv.deviance_mean[r, i])
        used = np.flatnonzero(coef)
        used = used[np.lexsort((used, -np.abs(coef * scale)[used]))]
        choices[which] = {
            "alpha": float(getattr(cv, f"alpha_{which}")), "l1_ratio": float(getattr(cv, f"l1_ratio_{which}")),
            "intercept": float(getattr(cv, f"intercept_{which}")), "heldout_error": error,
            "heldout_se": _number(cv.deviance_se[r, i]),
            **({"heldout_r2": _r2(error, y_sd)} if squared else {"heldout_explained": _explained(error, cv.paths[r])}),
            **({} if by_deviance else {"heldout_score": float(cv.score_mean[r, i]),
                                       "heldout_score_se": _number(cv.score_se[r, i])}),
            "deviance_explained": _number(cv.paths[r].dev_ratio[i]), "gap": _number(cv.paths[r].gap[i]),
            "end_of_grid": cv.at_end_of_grid and (r, i) == cv.index_min, "end_of_l1_ratios": cv.at_end_of_l1_ratios,
            "status": str(cv.paths[r].status[i]),
            "selected": int(used.size),
            "coefficients": [{"feature": names[j], "coefficient": float(coef[j]), "sign": "+" if coef[j] > 0 else "-",
                              "standardised": float(coef[j] * scale[j])} for j in used]}
    kinds, counts = np.unique(np.concatenate([np.ravel(cv.fold_status), *(path.status for path in cv.paths)]),
                              return_counts=True)
    gaps = np.concatenate([np.ravel(cv.fold_gap), *(path.gap for path in cv.paths)])
    return {
        "name": name, "target": target, "loss": {"name": loss.name, "parameter": loss.parameter, "link": loss.link},
        "classes": None if classes is None else np.asarray(classes).tolist(), "scoring": cv.scoring,
        "score_label": cv.score_label, "rows": int(np.shape(X)[0]), "features": int(np.shape(X)[1]),
        "folds": len(cv.folds), "l1_ratios": [float(ratio) for ratio in cv.l1_ratios],
        "alphas_per_l1_ratio": int(np.shape(cv.alphas)[1]), "rule": rule, "choices": choices,
        "largest_gap": float(np.nanmax(gaps)) if np.isfinite(gaps).any() else None,
        "status": {str(kind): int(count) for kind, count in zip(kinds, counts, strict=True)},
        "solver": cv.path.solver,
        "passes_over_x": int(cv.path.n_passes), "seconds": seconds, "notes": [*notes, *cv.notes]}


def _r2(error, y_sd):
    """1 − error / y_sd²; None where y is constant, or so small that its squares are 0."""
    return 1 - error / y_sd / y_sd if y_sd * y_sd >= np.finfo(np.float64).tiny else None


def _explained(error, path):
    """1 − error / null deviance, on all rows; None where that is 0."""
    return 1 - error / path.null_deviance if path.null_deviance > 0 else None


def _number(value):
    return float(value) if np.isfinite(value) else None


def unfinished(summary):
    """How many fits, of all rows or of a fold, did not converge."""
    return sum(summary["status"].get(kind, 0) for kind in UNFINISHED)


def feature_names(cv):
    """The names of the features, ``x0, x1, ...`` where the data had none."""
    path = cv.path
    return [f"x{j}" for j in range(path.coef.shape[1])] if path.feature_names is None else list(path.feature_names)


def standardising_scale(X, y, weights=None, loss=SQUARED):
    """Factors sd(x_j) / sd(y) that turn coefficients into standardised sizes; all 0 for a constant y.

    Under a link they are sd(x_j): what a feature adds to the linear predictor when it rises by one standard deviation.
    """
    x_sd = standard_deviations(X, weights)
    if loss.link != "identity":
        return x_sd
    y_sd = standard_deviations(np.asarray(y)[:, None], weights)[0]
    if y_sd == 0:
        return np.zeros_like(x_sd)
    with np.errstate(over="ignore"):                   # where the ratio is beyond float64, the coefficients are 0 or nearly
        return np.minimum(x_sd / y_sd, np.finfo(np.float64).max)


def write_report(cv, X, y, directory, *, summary, weights=None, encoding=None, plots=True):
    """Write the report folder.

    Parameters
    ----------
    cv : CVResult
    X, y, weights
        What was fitted.
    directory : str or path
        Made if it is not there. Files of the same names are replaced, each as a whole or not at all.
    summary : dict
        Of `summarize`; its ``rule`` picks the model that is saved.
    encoding : dict, optional
        Goes into ``model.json`` (see `riata.persistence.LinearModel`).
    plots : bool, default True

    Returns
    -------
    dict of str to str
        Paths of the files, by what they hold.
    """
    from . import __version__
    directory = Path(directory)
    refuse_file(directory)
    directory.mkdir(parents=True, exist_ok=True)
    files = {"coefficients": directory / "coefficients.csv", "model": directory / "model.json"}
    write_text(files["coefficients"], coefficient_table(summary))
    choice = summary["choices"][summary["rule"]]
    save_model(cv, files["model"], rule=summary["rule"], target_names=[summary["target"]], encoding=encoding, notes={
        "data": summary["name"], "rows": summary["rows"], "rule": summary["rule"], "folds": summary["folds"],
        **{key: value for key, value in choice.items() if key.startswith("heldout_")},
        **{key: choice[key] for key in ("deviance_explained", "gap")}})
    for name in PLOTS:                       # those of an earlier report in this folder do not belong to this one
        (directory / name).unlink(missing_ok=True)
    if plots:
        files |= draw(cv, standardising_scale(X, y, weights, cv.path.loss), directory, summary)
    files["summary"] = directory / "summary.md"
    write_text(files["summary"], markdown(summary, files, __version__))
    return {kind: str(path) for kind, path in files.items()}


def refuse_file(directory, argument="directory"):
    """Raise a ValueError if a report folder cannot be made because a file has its name."""
    if Path(directory).is_file():
        raise ValueError(f"{argument} must be a folder, and {directory} is a file: choose another name")


def draw(cv, scale, directory, summary):
    """Draw the four plots of a report; paths by kind. Needs no display."""
    from . import plots
    main, other = ("min", "1se") if summary["rule"] == "min" else ("1se", "min")
    titles = {"min": "minimum", "1se": "1-SE"}
    marks = {titles[which]: summary["choices"][which]["alpha"] for which in (main, other)}
    of = {which: getattr(cv, f"coef_{which}") * scale for which in ("min", "1se")}
    rows = min(25, int(np.count_nonzero((of["min"] != 0) | (of["1se"] != 0))))
    head = f"{summary['name']}: "
    sizes = {"path": (6.8, 4.4), "cv": (7.4, 4.2), "heatmap": (6.8, 2.0 + 0.38 * len(summary["l1_ratios"])),
             "coefficients_plot": (5.6, plots.coefficients_height(rows))}
    drawing = {
        "path": lambda ax: plots.plot_path(cv.path, ax, scale=scale, marks=marks,
                                           title=f"{head}path of {summary['target']}, l1_ratio = {cv.path.l1_ratio:g}"),
        "cv": lambda ax: plots.plot_cv(cv, ax, title=f"{head}cross-validation, {summary['folds']} folds"),
        "heatmap": lambda ax: plots.plot_heatmap(cv, ax, title=f"{head}held-out {_measure(summary)} over (alpha, l1_ratio)"),
        "coefficients_plot": lambda ax: plots.plot_coefficients(
            feature_names(cv), of[main], other=of[other], labels=(titles[main], titles[other]), ax=ax,
            title=f"{head}{plural(summary['choices'][main]['selected'], 'feature')} selected" +
                  (f", the {rows} largest" if rows < summary["choices"][main]["selected"] else ""))}
    files = {}
    for kind, onto in drawing.items():
        figure = onto(plots.new_axes(*sizes[kind])).figure
        files[kind] = directory / ("coefficients.png" if kind == "coefficients_plot" else f"{kind}.png")
        with atomic_path(files[kind]) as temporary:
            figure.savefig(temporary, dpi=DPI, format="png")
    return files


def coefficient_table(summary):
    """The CSV text: one row per feature that either rule selects, largest size by the chosen rule first."""
    main = summary["rule"]
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["feature", "coefficient_min", "standardised_min", "coefficient_1se", "standardised_1se"])
    intercepts = [summary["choices"][which]["intercept"] for which in ("min", "1se")]
    out.writerow(["(intercept)", intercepts[0], "", intercepts[1], ""])
    none = {"coefficient": 0.0, "standardised": 0.0}
    for feature, *rows in selected(summary):
        rows = [none if row is None else row for row in (rows if main == "min" else rows[::-1])]
        out.writerow([feature, *(row[key] for row in rows for key in ("coefficient", "standardised"))])
    return text.getvalue()


def facts(summary):
    """The comparison of the two rules: rows of (what, by the minimum, by one standard error), as text."""
    def show(value, digits=".4g"):
        return "not defined" if value is None else format(value, digits)
    def with_error(value, error):
        return f"{value:.4g}" + ("" if error is None else f" ± {error:.3g}")
    pairs = [summary["choices"][which] for which in ("min", "1se")]
    squared, by_deviance = summary["loss"]["name"] == "squared", summary["scoring"] == "deviance"
    rows = [("alpha", *(show(c["alpha"]) + " (end of the grid)" * c["end_of_grid"] for c in pairs)),
            ("l1_ratio", *(show(c["l1_ratio"], "g") + " (end of the list)" * c["end_of_l1_ratios"] for c in pairs)),
            *([] if by_deviance else [(f"held-out {summary['score_label']}, which chose",
                                       *(with_error(c["heldout_score"], c["heldout_score_se"]) for c in pairs))]),
            ("held-out mean squared error" if squared else "held-out deviance",
             *(with_error(c["heldout_error"], c["heldout_se"]) for c in pairs)),
            ("held-out R²", *(show(c["heldout_r2"], ".3f") for c in pairs)) if squared else
            ("held-out deviance explained", *(show(c["heldout_explained"], ".3f") for c in pairs)),
            ("deviance explained (training rows)", *(show(c["deviance_explained"], ".3f") for c in pairs)),
            ("features selected", *(f"{c['selected']} of {summary['features']}" for c in pairs)),
            ("intercept", *(show(c["intercept"]) for c in pairs))]
    return rows


def model_words(summary):
    """What stands before and after the name of the target: ``elastic net, logistic loss, for the odds of`` ill ``= yes``."""
    name, parameter = summary["loss"]["name"], summary["loss"]["parameter"]
    of = "" if name == "squared" else f", {name.replace('_', ' ')} loss{'' if parameter is None else f' ({parameter:g})'},"
    classes = summary["classes"]
    return f"elastic net{of} for " + ("" if classes is None else "the odds of "), "" if classes is None else f" = {classes[1]}"


def _measure(summary):
    """What the plots of the whole grid show."""
    return "error" if summary["scoring"] == "deviance" else summary["score_label"]


def selected(summary):
    """What either rule selects: rows (feature, by the chosen rule, by the other), None where a rule leaves it out.

    Those that the chosen rule selects come first, largest standardised size first, then those of the other rule alone.
    """
    main = summary["rule"]
    by, other = ({row["feature"]: row for row in summary["choices"][which]["coefficients"]}
                 for which in (main, "1se" if main == "min" else "min"))
    return [(feature, by.get(feature), other.get(feature)) for feature in dict.fromkeys([*by, *other])]


def plural(count, noun):
    """``1 fold``, ``2 folds``, ``2 passes``."""
    return f"{count} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")


def effort(summary):
    """One line: certificates, time and passes over X."""
    parts = [f"largest gap {summary['largest_gap']:.1e}" if summary["largest_gap"] is not None else "no gap known",
             ", ".join(f"{count} {kind}" for kind, count in summary["status"].items()),
             f"solver {summary['solver']}", f"{plural(summary['passes_over_x'], 'pass')} over X"]
    if summary["seconds"] is not None:
        parts.append(f"{summary['seconds']:.3g} s")
    return "; ".join(parts)


def markdown(summary, files, version, top=50):
    """The text of ``summary.md``."""
    main = summary["rule"]
    title = {"min": "the minimum", "1se": "the one-standard-error rule"}[main]
    other = {"min": "1-SE", "1se": "minimum"}[main]
    before, after = model_words(summary)
    identity = summary["loss"]["link"] == "identity"
    size = f"coefficient × sd(feature) / sd({summary['target']})" if identity else \
        f"coefficient × sd(feature), on the scale of the {'log-odds' if summary['classes'] else 'linear predictor'}"
    lines = [f"# {summary['name']}", "",
             f"E{before[1:]}`{summary['target']}`{after}: {plural(summary['rows'], 'row')}, "
             f"{plural(summary['features'], 'feature')}, {plural(summary['alphas_per_l1_ratio'], 'alpha')} for each l1_ratio of "
             f"{', '.join(f'{ratio:g}' for ratio in summary['l1_ratios'])}; {plural(summary['folds'], 'fold')}.", ""]
    lines += [f"- {note}" for note in summary["notes"]] + [""] * bool(summary["notes"])
    lines += ["| | minimum | one standard error |", "|---|---|---|"]
    lines += [f"| {' | '.join(_cell(text) for text in row)} |" for row in facts(summary)]
    lines += ["", f"All fits, on all rows and in the folds: {effort(summary)}.", "",
              "The gap is the duality gap divided by the objective of the null model: the objective is at most that "
              "far from its optimum. The one-standard-error rule takes the largest alpha, at the best l1_ratio, whose "
              f"held-out {_measure(summary)} is within one standard error of the "
              f"{'smallest' if summary['scoring'] == 'deviance' else 'best'}.", "",
              f"## Selected features, by {title} first", "",
              f"| feature | sign | coefficient | standardised size | size by {other} |", "|---|---|---|---|---|"]
    chosen = selected(summary)
    for feature, row, second in chosen[:top]:
        mine = " | 0 | -" if row is None else f"{row['sign']} | {row['coefficient']:.5g} | {row['standardised']:.4f}"
        lines += [f"| {_cell(feature)} | {mine} | {'-' if second is None else format(second['standardised'], '.4f')} |"]
    if not chosen:
        lines += ["| (none) | | | | |"]
    shown = f"The {top} largest of {len(chosen)}; all" if len(chosen) > top else "All"
    lines += ["", f"Standardised size: {size}. {shown} are in `coefficients.csv`.", ""]
    for kind, text in (("path", "Coefficient path"), ("cv", f"Held-out {_measure(summary)}"),
                       ("heatmap", f"Held-out {_measure(summary)} over the grid"), ("coefficients_plot", "Largest coefficients")):
        if kind in files:
            lines += [f"![{text}]({Path(files[kind]).name})", ""]
    lines += [f"Written by riata {version}. `model.json` holds the model chosen by {title}: "
              "`riata predict model.json new.csv`.", ""]
    return "\n".join(lines)


def _cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")
