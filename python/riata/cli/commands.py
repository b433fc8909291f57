"""The commands and their options. Heavy modules are loaded by the command that needs them."""
from pathlib import Path
from typing import Annotated

import typer

from .console import print_json, sentences

app = typer.Typer(name="riata", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]},
                  help="Penalised linear models: cross-validated elastic nets with a certificate for every fit.")


def _version(wanted: bool):
    if wanted:
        from .. import __version__
        print(f"riata {__version__}")
        raise typer.Exit


@app.callback()
def _options(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True,
                                                   help="The version, and nothing else.")] = False):
    pass


def _rule(value: str):
    if value not in ("min", "1se"):
        raise typer.BadParameter(f"{value!r} is not one of 'min', '1se'")
    return value


def _kind(value: str | None):
    if value not in (None, "response", "link", "class"):
        raise typer.BadParameter(f"{value!r} is not one of 'response', 'link', 'class'")
    return value


def _ratios(text):
    try:
        ratios = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as .1,.5,1",
                                 param_hint="'--l1-ratio'") from None
    if not all(0 <= ratio <= 1 for ratio in ratios):
        raise typer.BadParameter(f"{text!r}: each l1_ratio lies between 0 (ridge) and 1 (lasso)",
                                 param_hint="'--l1-ratio'")
    return ratios


def _parser(kind, least, what, most=float("inf")):
    """A parser of numbers within bounds; its errors name the value and say what the option means.

    typer's own name neither, and their ranges take the width of the help away from the names of the options.
    """
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a {'whole ' * (kind is int)}number: this is {what}") from None
        if not least <= value <= most:
            bounds = f"{least:g} or more" if most == float("inf") else f"from {least:g} to {most:g}"
            raise typer.BadParameter(f"{text!r}: this is {what}, {bounds}")
        return value
    return parse


def _positive(value: float | None):
    if value is not None and not value > 0:
        raise typer.BadParameter(f"{value:g} is not above 0: give a number of seconds")
    return value


def _columns(texts):
    return [name for text in texts for name in text.split(",") if name]


def _loss(text):
    """A loss from ``name`` or ``name:parameter``; None for least squares."""
    from ..losses import LOSS, huber, negative_binomial, tweedie
    name, colon, value = text.partition(":")
    name = name.replace("-", "_")
    makers = {"tweedie": tweedie, "negative_binomial": negative_binomial, "huber": huber}
    if name not in LOSS or (colon and name not in makers):
        problem = f"{name!r} has no parameter" if name in LOSS else f"{text!r} is no loss"
        raise typer.BadParameter(f"{problem}: give one of {', '.join(LOSS)}, or tweedie:1.7, negative_binomial:2, huber:1",
                                 param_hint="'--loss'")
    if not colon:
        return name
    try:
        return makers[name](float(value))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint="'--loss'") from None


LossOption = Annotated[str, typer.Option("--loss", metavar="NAME[:X]", help="squared, logistic, poisson, gamma, tweedie, "
                                         "negative_binomial or huber; with a parameter: tweedie:1.7, huber:1.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress bar.")]
Threads = Annotated[int | None, typer.Option(parser=_parser(int, 1, "the number of threads"), metavar="N", show_default=False,
                                             help="Threads; default: all that are allowed.")]
Seed = Annotated[int, typer.Option(parser=_parser(int, 0, "the seed of the folds"), metavar="N", help="Seed of the folds.")]


@app.command()
@sentences
def fit(
    data: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet file with a header.")],
    target: Annotated[str, typer.Option(metavar="NAME", help="Column to predict.")],
    l1_ratio: Annotated[str, typer.Option(metavar="LIST", help="Mixes to try, from 0 (ridge) to 1 (lasso).")] = ".1,.5,.9,1",
    cv: Annotated[int, typer.Option(parser=_parser(int, 2, "the number of folds"), metavar="N", help="Number of folds.")] = 10,
    rule: Annotated[str, typer.Option(metavar="[min|1se]", callback=_rule,
                                      help="Save the model with the smallest held-out error, or the simplest "
                                           "within one standard error of it.")] = "min",
    out: Annotated[Path | None, typer.Option(help="Folder for the report; default: riata-report/NAME, as the data.",
                                             show_default=False)] = None,
    standardize: Annotated[bool, typer.Option(help="Penalise on the scale of standardised columns.")] = True,
    weights: Annotated[str | None, typer.Option(metavar="NAME", help="Column of row weights.", show_default=False)] = None,
    loss: LossOption = "squared",
    scoring: Annotated[str, typer.Option(metavar="NAME", help="What chooses, of held-out rows: deviance, mse, mae, r2, c_index; "
                                         "of two classes auc, brier, log_loss, accuracy.")] = "deviance",
    groups: Annotated[str | None, typer.Option(metavar="NAME", help="Column of groups that stay together in one fold.",
                                               show_default=False)] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="NAMES", help="Columns to leave out, separated by commas.",
                                                   show_default=False)] = None,
    alphas: Annotated[int, typer.Option(parser=_parser(int, 2, "the number of alphas, not a list of them"), metavar="N",
                                        help="Number of alphas.")] = 100,
    alpha_min_ratio: Annotated[float | None, typer.Option(parser=_parser(float, 1e-12, "the smallest alpha as a share of "
                                                                         "the largest", 1.0), metavar="X", show_default=False,
                                                          help="Smallest alpha, as a share of the largest.")] = None,
    seed: Seed = 0,
    threads: Threads = None,
    tol: Annotated[float, typer.Option(parser=_parser(float, 1e-15, "the largest gap"), metavar="X",
                                       help="Largest relative duality gap of a converged fit.")] = 1e-6,
    time_budget: Annotated[float | None, typer.Option(callback=_positive, metavar="SEC", show_default=False, help="Stop fitting "
                                                      "after so many seconds, above 0, and keep what is done.")] = None,
    plots: Annotated[bool, typer.Option(help="Draw the plots.")] = True,
    json: Json = False,
    quiet: Quiet = False,
):
    """Cross-validate an elastic net on a table and write a report with the chosen model.

    Text columns are one-hot encoded: two levels make one 0/1 feature, more levels one each. Missing values are refused.
    With --loss logistic the target has two classes, text or numbers: the model is of the second in order.
    """
    ratios, loss = _ratios(l1_ratio), _loss(loss)
    from ..report import FILES, refuse_file
    from .files import read_table, refuse_inputs
    from .fitting import finish, problem_of_table, run
    dropped = _columns(drop or [])
    stem = data.name.removesuffix(".gz").rsplit(".", 1)[0]
    directory = Path("riata-report") / stem if out is None else out
    refuse_file(directory, "--out")                   # before the work, not after
    refuse_inputs([directory / name for name in FILES], {"the data file": data},
                  "--out: the report would replace {what} {file}: choose another folder")
    problem = problem_of_table(read_table(data), name=stem, target=target, weights=weights, groups=groups,
                               drop=dropped, cv=cv, loss=loss)
    summary = run(problem, directory, quiet=quiet, rule=rule, plots=plots, loss=loss, scoring=scoring, l1_ratio=ratios,
                  alphas=alphas, alpha_min_ratio=alpha_min_ratio, standardize=standardize, seed=seed, n_threads=threads, tol=tol,
                  time_budget=time_budget)
    raise typer.Exit(finish([summary], summary, as_json=json, quiet=quiet))


@app.command()
@sentences
def predict(
    model: Annotated[Path, typer.Argument(help="model.json of a fit.")],
    data: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet file with the columns of the fit.")],
    out: Annotated[Path | None, typer.Option(help="Where the predictions go, CSV or Parquet; default: predictions.csv, if there "
                                             "is no such file yet.", show_default=False)] = None,
    keep: Annotated[list[str] | None, typer.Option(metavar="NAMES", show_default=False,
                                                   help="Columns to copy beside the prediction, separated by commas.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="[response|link|class]", callback=_kind, show_default=False,
                                             help="The mean of the target (a probability of the second class), the linear "
                                             "predictor, or the more probable class; default: as the model says.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a predictions.csv that is there.")] = False,
    json: Json = False,
    quiet: Quiet = False,
):
    """Predict with a saved model: one row per row of the data, in its order.

    Columns are found by name; those whose coefficients are zero need not be there.
    """
    import polars as pl

    from ..persistence import load_model
    from .encode import Encoding, refuse_absent
    from .files import read_table, refuse_inputs, table_kind, write_table
    if out is None:
        out = Path("predictions.csv")
        if out.exists() and not force:
            raise ValueError(f"{out} is there already: name another file with --out, or replace it with --force")
    refuse_inputs([out], {"the data file": data, "the model file": model}, "--out is {what}: choose another name")
    table_kind(out)                                   # a wrong name fails before the work, not after
    fitted = load_model(model)
    text = [] if fitted.encoding is None else [name for name, levels in Encoding.from_dict(fitted.encoding).columns
                                               if levels is not None]
    table = read_table(data, text_columns=text)
    kept = _columns(keep or [])
    refuse_absent(table, kept)
    prediction = fitted.predict(table, kind)
    columns = {f"prediction_{name}": values for name, values in zip(fitted.target_names, prediction.T, strict=True)} \
        if prediction.ndim == 2 else {"prediction": prediction.tolist() if prediction.dtype == object else prediction}
    write_table(pl.DataFrame({name: table[name] for name in kept} | columns), out)
    if json:
        print_json({"rows": table.height, "file": str(out), "model": str(model), "columns": [*kept, *columns],
                    "columns_read": fitted.needed_columns})
    elif not quiet:
        print(f"{table.height} predictions written to {out}")


@app.command()
@sentences
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the reports.")] = Path("riata-report"),
    seed: Seed = 0,
    threads: Threads = None,
    plots: Annotated[bool, typer.Option(help="Draw the plots.")] = True,
    json: Json = False,
    quiet: Quiet = False,
):
    """Cross-validate an elastic net on two real data sets: diabetes (442 × 10) and NCI60 (64 × 6830)."""
    from ..report import refuse_file
    from .console import say_error
    from .datasets import demo_problems
    from .fitting import finish, run
    refuse_file(out, "--out")
    problems, missing = demo_problems(seed)
    if missing:
        say_error(missing)
    summaries = [run(problem, out / problem.name.lower(), quiet=quiet, plots=plots, seed=seed, n_threads=threads,
                     l1_ratio=[0.1, 0.5, 0.9, 0.95, 0.99, 1.0], alphas=100, standardize=True,
                     alpha_min_ratio=problem.alpha_min_ratio) for problem in problems]
    raise typer.Exit(finish(summaries, {"datasets": summaries, "missing": missing}, as_json=json, quiet=quiet))


def _select(value: str):
    if value not in ("min", "1se", "aic", "bic", "ebic"):
        raise typer.BadParameter(f"{value!r} is not one of 'min', '1se', 'aic', 'bic', 'ebic'")
    return value


@app.command()
@sentences
def batch(
    out: Annotated[Path, typer.Option(help="Results, a row per problem: .parquet, or .csv without coefficients.")],
    manifest: Annotated[Path | None, typer.Option(help="Table with a row per problem: data (a file), target, and, if wanted, "
                                                       "columns (a;b;c or snp*) and name.", show_default=False)] = None,
    table: Annotated[Path | None, typer.Option(help="One long table, in place of a manifest; with --by and --target.",
                                               show_default=False)] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Column whose values are the problems.",
                                               show_default=False)] = None,
    target: Annotated[str | None, typer.Option(metavar="NAME", help="Column to predict.", show_default=False)] = None,
    columns: Annotated[str | None, typer.Option(metavar="NAMES", help="Features, a;b;c or snp*; default: all other columns of "
                                                "numbers.", show_default=False)] = None,
    l1_ratio: Annotated[float, typer.Option(parser=_parser(float, 0.0, "the mix from 0 (ridge) to 1 (lasso)", 1.0), metavar="X",
                                            help="Mix, from 0 (ridge) to 1 (lasso).")] = 0.5,
    loss: LossOption = "squared",
    cv: Annotated[int, typer.Option(parser=_parser(int, 0, "the number of folds, 0 for none"), metavar="N",
                                    help="Number of folds; 0: no cross-validation.")] = 10,
    select: Annotated[str, typer.Option(metavar="[min|1se|aic|bic|ebic]", callback=_select, help="Rule of the choice.")] = "min",
    alphas: Annotated[int, typer.Option(parser=_parser(int, 2, "the number of alphas, not a list of them"), metavar="N",
                                        help="Number of alphas.")] = 100,
    standardize: Annotated[bool, typer.Option(help="Penalise on the scale of standardised columns.")] = False,
    predictions: Annotated[bool, typer.Option("--predictions", help="Keep the out-of-fold predictions.")] = False,
    seed: Seed = 0,
    threads: Threads = None,
    tol: Annotated[float, typer.Option(parser=_parser(float, 1e-15, "the largest gap"), metavar="X",
                                       help="Largest relative duality gap of a converged fit.")] = 1e-6,
    max_memory: Annotated[str | None, typer.Option(metavar="BYTES", help="Memory beside data and results, as 500M; default: half "
                                                   "of what is free.", show_default=False)] = None,
    time_budget: Annotated[float | None, typer.Option(callback=_positive, metavar="SEC", show_default=False, help="Stop fitting "
                                                      "after so many seconds, above 0, and keep what is done.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Folder for finished problems; default: OUT.checkpoint, then deleted.",
                                                    show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the finished problems of a run that was cut off.")] = False,
    json: Json = False,
    quiet: Quiet = False,
):
    """Fit one elastic net (of least squares, or another --loss) for each row of a manifest, or for each group of one long table.

    A missing target leaves its row out. A problem that cannot be fitted has a status and a sentence in the results.
    """
    if (manifest is None) == (table is None):
        raise typer.BadParameter("give one of --manifest and --table", param_hint="'--manifest'")
    if table is not None and (by is None or target is None):
        raise typer.BadParameter("a long table needs --by and --target", param_hint="'--table'")
    given = {"--by": by, "--target": target, "--columns": columns}
    if manifest is not None and any(given.values()):
        option = next(name for name, value in given.items() if value)
        raise typer.BadParameter(f"{option} belongs to --table; a manifest says it row by row", param_hint="'--manifest'")
    if cv == 1 or (cv == 0 and (select in ("min", "1se") or predictions)):
        raise typer.BadParameter("min, 1se and --predictions need folds: give 2 or more, or --select bic" if cv == 0 else
                                 "1 fold leaves nothing to train on: give 2 or more, or 0 for none", param_hint="'--cv'")
    if select not in ("min", "1se") and loss.partition(":")[0] in ("gamma", "tweedie", "huber"):
        raise typer.BadParameter(f"{select!r} goes by a likelihood, which {loss} has not: give min or 1se, with --cv",
                                 param_hint="'--select'")
    loss = _loss(loss)
    from .batch import run_batch
    raise typer.Exit(run_batch(
        manifest=manifest, table=table, by=by, target=target, columns=columns, out=out, checkpoint=checkpoint, resume=resume,
        quiet=quiet, as_json=json, max_memory=max_memory, loss=loss, l1_ratio=l1_ratio, cv=cv or None, select=select,
        alphas=alphas, standardize=standardize, keep_predictions=predictions, seed=seed, n_threads=threads, tol=tol,
        time_budget=time_budget))


@app.command()
@sentences
def info(json: Json = False):
    """Versions, the build, and the optional parts that are installed."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from .. import __version__, build_info
    packages = {}
    for name in ("numpy", "scipy", "scikit-learn", "threadpoolctl", "matplotlib", "polars", "pandas", "pyarrow",
                 "typer", "rich"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    document = {"riata": __version__, "python": platform.python_version(), "platform": platform.platform(),
                "cpus_allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
                "build": build_info(), "packages": packages}
    if json:
        print_json(document)
        return
    from rich.console import Console
    from rich.table import Table
    table = Table(box=None, pad_edge=False, show_header=False)
    for key, value in document.items():
        rows = value.items() if isinstance(value, dict) else [(key, value)]
        for name, text in rows:
            table.add_row(str(name), "not installed" if text is None else str(text))
    Console(highlight=False).print(table)
