"""Small networks: dense and convolutional layers, trained on mini-batches by compiled stages.

    from riata.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Softmax
"""

from ._file import load_network
from ._layers import AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sigmoid, Softmax, Tanh
from ._losses import CrossEntropy, Huber, KLDivergence, Squared
from ._sequential import Sequential
from ._training import History

__all__ = [
    "AvgPool2D",
    "BatchNorm",
    "Conv2D",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "Flatten",
    "History",
    "Huber",
    "KLDivergence",
    "MaxPool2D",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Squared",
    "Tanh",
    "load_network",
]
