"""Optimisers by name or with their numbers: ``optimizer="adam"`` or ``optimizer=Adam(beta1=0.95)``."""

from dataclasses import asdict, dataclass

from riata.validation import check_number

__all__ = ["SAG", "SAGA", "SGD", "SVRG", "Adagrad", "Adam", "AdamW", "CentralVR", "Momentum", "Nesterov", "RMSProp",
           "check_optimizer"]


class Optimizer:
    """An optimiser; ``settings`` are keywords of the engine's ``Descent``."""

    name = ""

    @property
    def settings(self):
        """Name and numbers."""
        return {"optimizer": self.name, **asdict(self)}

    def __post_init__(self):
        for what, value in asdict(self).items():
            upper = 1.0 if what in ("beta1", "beta2") else float("inf")
            check_number(value, what, 0.0, upper, low_open=what == "eps", high_open=True)


@dataclass(frozen=True)
class SGD(Optimizer):
    """b ← b − lr·g (Robbins & Monro 1951); with all rows in a batch, gradient descent."""

    name = "sgd"


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← beta1·v + g, b ← b − lr·v (Polyak 1964), as torch.optim has it."""

    beta1: float = 0.9
    name = "momentum"


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v ← beta1·v + g, b ← b − lr·(g + beta1·v) (Nesterov 1983; Sutskever et al. 2013), as torch.optim has it."""

    beta1: float = 0.9
    name = "nesterov"


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Each coordinate's step over the root of the sum of its squared gradients (Duchi, Hazan & Singer 2011)."""

    eps: float = 1e-10
    name = "adagrad"


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Each coordinate's step over the root of a running mean of its squared gradients (Tieleman & Hinton 2012)."""

    beta2: float = 0.99
    eps: float = 1e-8
    name = "rmsprop"


@dataclass(frozen=True)
class Adam(Optimizer):
    """Running means of gradient and square, corrected for their start at zero (Kingma & Ba 2015)."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    name = "adam"


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019); ``decay`` is not in the objective."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.01
    name = "adamw"


@dataclass(frozen=True)
class SAG(Optimizer):
    """Stochastic average gradient (Schmidt, Le Roux & Bach 2017): the mean of the last slope of every row."""

    name = "sag"


@dataclass(frozen=True)
class SAGA(Optimizer):
    """SAG without its bias (Defazio, Bach & Lacoste-Julien 2014)."""

    name = "saga"


@dataclass(frozen=True)
class SVRG(Optimizer):
    """Gradients less those of a snapshot, taken at every epoch, plus its mean gradient (Johnson & Zhang 2013).

    At a fixed step size an epoch ends at the mean of its points (Xiao & Zhang 2014), but for those of its first quarter.
    """

    name = "svrg"


@dataclass(frozen=True)
class CentralVR(Optimizer):
    """SVRG whose snapshot are the slopes of the epoch before (De & Goldstein 2016): a look at X for an epoch, not two.

    The first epoch from zero has none. Epochs end at means as in `SVRG`. With step="auto", a smooth penalty, a fixed schedule and
    dense X of up to 255 features, steps are divided by the curvature of some rows (Byrd et al. 2011), so that correlated
    features do not slow them.
    """

    name = "centralvr"


OPTIMIZERS = {kind.name: kind for kind in (SGD, Momentum, Nesterov, Adagrad, RMSProp, Adam, AdamW, SAG, SAGA, SVRG, CentralVR)}


def check_optimizer(optimizer):
    """An ``Optimizer`` from the argument of that name."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]()
    raise ValueError(f"optimizer = {optimizer!r} must be one of {', '.join(map(repr, OPTIMIZERS))}, or one with its numbers such "
                     "as riata.optim.Adam(beta1=0.9)")
