"""Gradient descent on linear models: runs with their history and a certificate, a diagnosis of the step size, a range test.

    from riata.optim import Adam, descend, diagnose, lr_range_test
"""

from riata.optim.descend import descend
from riata.optim.diagnosis import Diagnosis, diagnose
from riata.optim.optimizers import SAG, SAGA, SGD, SVRG, Adagrad, Adam, AdamW, CentralVR, Momentum, Nesterov, RMSProp
from riata.optim.range_test import RangeTest, lr_range_test
from riata.optim.result import DescentResult, History
from riata.optim.schedules import Armijo, Cosine, Exponential, Fixed, InverseScaling, OneCycle, StepDecay

__all__ = [
    "SAG",
    "SAGA",
    "SGD",
    "SVRG",
    "Adagrad",
    "Adam",
    "AdamW",
    "Armijo",
    "CentralVR",
    "Cosine",
    "DescentResult",
    "Diagnosis",
    "Exponential",
    "Fixed",
    "History",
    "InverseScaling",
    "Momentum",
    "Nesterov",
    "OneCycle",
    "RMSProp",
    "RangeTest",
    "StepDecay",
    "descend",
    "diagnose",
    "lr_range_test",
]
