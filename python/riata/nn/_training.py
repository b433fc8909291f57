"""Training of any network: epochs, validation, early stopping, divergence. Sequential and the perceptrons share it."""

import time
from dataclasses import asdict, astuple, dataclass, field
from numbers import Real

import numpy as np

from riata.optim.optimizers import check_optimizer
from riata.optim.schedules import check_schedule
from riata.plot_style import GREY, PALETTE, axes_of, styled, verbatim
from riata.progress import reporting
from riata.validation import check_number
from riata_engine.formulas.steps import cosine_share, exponential_share, inverse_scaling, one_cycle_share, step_share
from riata_engine.nets import RATES, Stepper, epoch, single_threaded_blas
from riata_engine.random import permutation


def stepper_of(net, optimizer, learning_rate=None, clip=None):
    """The engine's optimiser for a network, of a name or one of `riata.optim`; ``clip`` is the largest norm of a gradient.

    Raises
    ------
    ValueError
        For an unknown name, one that keeps a slope for each row of a linear model, and a step or norm that is not positive.
    """
    optimizer = check_optimizer(optimizer)
    if optimizer.name not in RATES:
        raise ValueError(f"optimizer = {optimizer.name!r} is for linear models: a network takes {', '.join(map(repr, RATES))}")
    if learning_rate is not None:
        learning_rate = check_number(learning_rate, "learning_rate", 0, low_open=True, high_open=True)
    clip = 0.0 if clip is None else check_number(clip, "clip", 0, low_open=True, high_open=True)
    return Stepper(net, optimizer.name, learning_rate, **asdict(optimizer), clip=clip)


def loss_by(function, model, name):
    """``function(model)`` as a function of nothing whose answer is a number; ``name`` is the argument that it came by."""
    def loss():
        value = function(model)
        if not isinstance(value, Real) or not np.isfinite(value):
            raise ValueError(f"{name} gave {value!r}: a function for early stopping returns a finite number, lower "
                             "for better")
        return float(value)

    return loss


def schedule_of(schedule, rate, epochs, per_epoch):
    """The step size as a function of the step number 0, 1, …, or None where it stays.

    ``schedule`` is a name or one of `riata.optim`; ``per_epoch`` are the steps of an epoch. A step of a callable that is no
    finite number above 0 is refused when it is met.
    """
    if schedule is None:
        return None
    if callable(schedule) and not isinstance(schedule, type):
        return lambda t: check_number(schedule(t), f"schedule({t})", 0, low_open=True, high_open=True)
    schedule, steps = check_schedule(schedule), epochs * per_epoch
    shares = {"inverse_scaling": lambda t, power: inverse_scaling(1.0, power, t + 1),
              "cosine": lambda t, floor: cosine_share(t, steps, floor),
              "one_cycle": lambda t, *shape: one_cycle_share(t, steps, *shape),
              "step": lambda t, every, factor: step_share(t // per_epoch, every, factor),
              "exponential": lambda t, factor: exponential_share(t // per_epoch, factor)}
    if schedule.name == "fixed":
        return None
    if schedule.name not in shares:
        raise ValueError(f"schedule = {schedule.name!r} is for linear models: a network takes 'fixed', "
                         f"{', '.join(map(repr, shares))}, or a function of the step number")
    share, shape = shares[schedule.name], astuple(schedule)
    return lambda t: rate * share(t, *shape)


def _restore_better(net, rows, first, state):
    """Restore the weights of the best epoch, or the first ones where their loss is not above; whether those of an epoch.

    The loss of an epoch is met on the way, and says little of the weights at its end where it diverges.
    """
    net.restore(first)
    if state is first:
        return False
    at_first = net.value(rows)
    net.restore(state)
    better = net.value(rows) < at_first
    if not better:
        net.restore(first)
    return better


@dataclass
class History:
    """What training went through; one entry for each epoch.

    Attributes
    ----------
    loss : list of float
        Mean loss of the mini-batches, each at the weights it met, with l2 penalties.
    validation_loss, validation_score : list of float
        After the epoch; empty without validation data. The score is the accuracy, or R²; there is none of a function.
    learning_rate, seconds : list of float
    best_epoch : int or None
        The epoch (from 0) whose weights the network has, where they were restored, or the best so far.
    stopped : str
        Why it ended: "epochs", "patience", "callback", "diverged" or "interrupted".
    message : str
        The same as a sentence.
    """

    loss: list = field(default_factory=list)
    validation_loss: list = field(default_factory=list)
    validation_score: list = field(default_factory=list)
    learning_rate: list = field(default_factory=list)
    seconds: list = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str = ""
    message: str = ""

    @styled
    def plot(self, ax=None, *, title=None):
        """Draw the losses over the epochs, and the epoch whose weights were kept.

        The validation loss is drawn where every epoch has one.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; default a new figure of 6.4 × 3.6 inches.
        title : str, optional

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            If no epoch was run.
        ImportError
            Where matplotlib is not installed.
        """
        if not self.loss:
            raise ValueError("this history has no epochs yet: call fit first")
        ax = axes_of(ax, 6.4, 3.6)
        epochs = np.arange(len(self.loss))
        drawn = [(self.loss, PALETTE[0], "rows learnt from")]
        if len(self.validation_loss) == len(self.loss):
            drawn.append((self.validation_loss, PALETTE[1], "rows held out"))
        for values, colour, name in drawn:
            ax.plot(epochs, values, "o-" if len(epochs) < 50 else "-", color=colour, ms=3, lw=1.4, label=name)
        if self.best_epoch is not None:
            ax.axvline(self.best_epoch, color=GREY, lw=1.2, ls="--", label=f"best: epoch {self.best_epoch}")
        smallest, largest = min(min(values) for values, *_ in drawn), max(max(values) for values, *_ in drawn)
        if 0 < smallest < largest / 30:
            ax.set_yscale("log")
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss")
        ax.legend(loc="best")
        ax.set_title(f"Training: {self.message}"[:90] if title is None else verbatim(title), pad=8)
        return ax


@dataclass
class Watch:
    """When to stop: no fall of the watched number by more than ``min_delta`` for ``patience`` epochs in a row (None: never)."""

    patience: int | None = None
    min_delta: float = 0.0
    best: float = np.inf
    waited: int = 0

    def over(self, value):
        """Note an epoch's number; whether to stop."""
        if value < self.best - self.min_delta:
            self.waited = 0
        else:
            self.waited += 1
        self.best = min(self.best, value)
        return self.patience is not None and self.waited >= self.patience


def train(net, stepper, rows, *, batch_size, epochs, seed, history, shuffle=True, shift=0.0, validation=None, score=None,
          watched=None, watch=None, restore_best=False, schedule=None, per_row=False, progress=None, callback=None):
    """Train a network for some epochs.

    Parameters
    ----------
    net, stepper, rows
        Of the engine.
    history : History
        Gets an entry for each epoch; those it has already count for the order of the rows.
    shift : float
        Added to every training loss: what of it does not depend on the network.
    validation : callable or None
        ``validation()`` gives the loss on held-out rows.
    score : callable or None
        ``score()`` gives a score of them.
    watched : callable or None
        ``watched(history)`` is the number that `watch` and `restore_best` go by; None: the validation loss, or the training loss.
    watch : Watch or None
    restore_best : bool
        End with the weights of the best epoch.
    """
    watch, n = Watch() if watch is None else watch, rows.X.shape[0]
    best, first, done = np.inf, net.state(), len(history.loss)
    state = first
    history.stopped, history.message = "epochs", f"all {epochs} epochs were run"
    try:
        with reporting(progress, epochs, "epochs") as report, single_threaded_blas():
            for number in range(done, done + epochs):
                start = time.perf_counter()
                loss = epoch(stepper, rows, batch_size, permutation(n, seed, number) if shuffle else None, schedule,
                             per_row) + shift
                if not (np.isfinite(loss) and net.is_finite()):
                    kept = _restore_better(net, rows, first, state)
                    if not kept:
                        history.best_epoch = done - 1 if done else None
                    history.stopped = "diverged"
                    history.message = (f"the loss was no longer finite in epoch {number}: the weights are those "
                                       f"{f'of epoch {history.best_epoch}' if kept else 'that the training began with'}; take a "
                                       f"learning_rate below {stepper.rate:g}, or scale the columns of X")
                    break
                history.loss.append(loss)
                history.learning_rate.append(stepper.rate)
                if validation is not None:
                    history.validation_loss.append(validation())
                if score is not None:
                    history.validation_score.append(score())
                history.seconds.append(time.perf_counter() - start)
                seen = history.loss if validation is None else history.validation_loss      # of this call: a history goes on
                value = seen[-1] if watched is None else watched(history)
                if value < best:
                    best, state, history.best_epoch = value, net.state(), number
                if report is not None:
                    report(number - done + 1)
                if callback is not None and callback(number, history):
                    history.stopped, history.message = "callback", f"the callback asked for it after epoch {number}"
                    break
                if watch.over(value):
                    history.stopped = "patience"
                    history.message = f"no improvement by more than {watch.min_delta:g} in {watch.patience} epochs"
                    break
    except KeyboardInterrupt:
        history.stopped, history.message = "interrupted", f"interrupted in epoch {len(history.loss)}, the weights as they were"
        raise
    finally:
        if restore_best and history.stopped in ("epochs", "patience", "callback"):
            net.restore(state)
    return history
