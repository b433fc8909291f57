"""The door for small networks: compiled stages on a mini-batch, parameters in one flat array, epochs of steps."""

from riata_engine.cpu.net_conv import ConvOp
from riata_engine.cpu.net_dense import DenseOp
from riata_engine.cpu.net_dropout import DropoutOp
from riata_engine.cpu.net_loss import NET_LOSSES, LossOp
from riata_engine.cpu.net_norm import NormOp
from riata_engine.cpu.net_op import ACTIVATIONS, ActivationOp
from riata_engine.cpu.net_pool import PoolOp
from riata_engine.solvers.net_arrays import Net, Rows, Stage
from riata_engine.solvers.net_training import RATES, Stepper, epoch
from riata_engine.threads import single_threaded_blas

__all__ = [
    "ACTIVATIONS",
    "NET_LOSSES",
    "RATES",
    "ActivationOp",
    "ConvOp",
    "DenseOp",
    "DropoutOp",
    "LossOp",
    "Net",
    "NormOp",
    "PoolOp",
    "Rows",
    "Stage",
    "Stepper",
    "epoch",
    "single_threaded_blas",
]
