"""torch on the CPU: functions of rows, dropout, and a small network in float32."""

import torch
from torch import nn
from torch.nn import functional

from . import N_THREADS

VERSION = torch.__version__
torch.set_num_threads(N_THREADS)
torch.set_grad_enabled(True)


def prepare(data):
    return {name: torch.from_numpy(array) if getattr(array, "ndim", 0) else array for name, array in data.items()}


def softmax(data, tol):
    return torch.softmax(data["X"], dim=1).numpy()


def kl(data, tol):
    return functional.kl_div(data["q"].log(), data["X"], reduction="none").sum(dim=1).numpy()


def dropout(data, tol):
    return functional.dropout(data["X"], float(data["rate"][0])).numpy()


def network(data, tol):
    torch.manual_seed(0)
    X, y, size = data["X"].reshape(-1, 1, 8, 8), data["y"], int(data["batch_size"][0])
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))
    optimizer, loss = torch.optim.Adam(net.parameters()), nn.CrossEntropyLoss()
    for _ in range(int(data["epochs"][0])):
        for rows in torch.randperm(len(X)).split(size):
            optimizer.zero_grad()
            loss(net(X[rows]), y[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return torch.softmax(net(X), dim=1).numpy()
