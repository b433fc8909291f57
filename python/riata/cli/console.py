"""What the commands say, and where: results on stdout, progress, warnings and errors on stderr.

Exit codes: 0 all well; 1 the user can mend it (one sentence on stderr, no traceback); 2 wrong usage; 3 done, but not
every fit converged; 130 interrupted. A traceback means a fault of riata itself.
"""
import functools
import json
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ..report import effort, facts, model_words, plural, selected

USER_ERROR, NOT_CONVERGED, INTERRUPTED = 1, 3, 130
MENDABLE = (ValueError, OSError, ImportError, MemoryError)      # raised with a sentence that names the remedy


def sentences(command):
    """Turn what a user can mend into one sentence on stderr and exit code 1, Ctrl-C into 130."""
    @functools.wraps(command)
    def spoken(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            say_error("interrupted; nothing more was written")
            raise typer.Exit(INTERRUPTED) from None
        except MENDABLE as error:
            say_error(_sentence(error))
            raise typer.Exit(USER_ERROR) from None
    return spoken


def _sentence(error):
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def say_error(text):
    """``riata: text`` on stderr."""
    print(f"riata: {text}", file=sys.stderr)


@contextmanager
def collected_warnings(rephrased=None):
    """Collect the warnings of a block as one sentence each, without repeats, and say them on stderr at its end.

    ``rephrased``, a function of the text, says one in the command's own words.
    """
    said = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield said
        finally:
            texts = (" ".join(str(w.message).split()) for w in caught
                     if not issubclass(w.category, (DeprecationWarning, ResourceWarning)))
            said.extend(dict.fromkeys(texts if rephrased is None else map(rephrased, texts)))
    for text in said:
        say_error(f"warning: {text}")


@contextmanager
def progress_bar(label, quiet):
    """A function ``progress(done, total)`` that moves a bar with the time left on stderr.

    None where stderr is no terminal, or with ``quiet``. The bar goes away when the block ends.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn(), console=console, transient=True)
    with bar:
        task = bar.add_task(escape(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(document):
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def print_summary(summary, files, top=15):
    """The tables of a fit on stdout."""
    out = Console(highlight=False)
    before, after = model_words(summary)
    out.print(f"[bold]{escape(summary['name'])}[/]: {before}{escape(summary['target'] + after)}, "
              f"{plural(summary['rows'], 'row')} × {plural(summary['features'], 'feature')}, "
              f"{plural(summary['folds'], 'fold')} × {plural(len(summary['l1_ratios']), 'l1_ratio')} × "
              f"{plural(summary['alphas_per_l1_ratio'], 'alpha')}")
    for note in summary["notes"]:
        out.print(f"[dim]{escape(note)}[/]")
    choice = Table(box=None, pad_edge=False, header_style="bold")
    choice.add_column("")
    choice.add_column("minimum", justify="right")
    choice.add_column("one standard error", justify="right")
    for what, *values in facts(summary):
        choice.add_row(what, *values)
    out.print(choice)
    out.print(features_table(summary, top))
    out.print(f"[dim]{escape(effort(summary))}[/]")
    if files:
        names = ", ".join(Path(path).name for path in files.values())
        out.print(f"[dim]in {escape(str(Path(files['summary']).parent))}: {escape(names)}[/]")
    out.print()


def features_table(summary, top):
    """A rich table of the features that either rule selects: the largest ones of the chosen rule first."""
    main, rows = summary["rule"], selected(summary)
    titles = {"min": "minimum", "1se": "1-SE"}
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold",
                  title=f"selected features ({titles[main]} first)")
    table.add_column("feature")
    table.add_column("sign", justify="center")
    for heading in ("coefficient", "standardised size", f"size by {titles['1se' if main == 'min' else 'min']}"):
        table.add_column(heading, justify="right")
    for feature, row, second in rows[:top]:
        mine = ("", "0", "-")
        if row is not None:
            colour = "blue" if row["sign"] == "+" else "red"
            mine = f"[{colour}]{row['sign']}[/]", f"{row['coefficient']:.4g}", f"{row['standardised']:+.4f}"
        table.add_row(escape(feature), *mine, "-" if second is None else f"{second['standardised']:+.4f}")
    if len(rows) > top:
        table.add_row(f"and {len(rows) - top} more", "", "", "", "", style="dim")
    if not rows:
        table.add_row("(none)", "", "", "", "", style="dim")
    return table
