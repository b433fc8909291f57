"""A plot on a figure of its own, and what stands on what."""
import io
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure


def drawn(function, *args, size=(6.8, 4.4), **kwargs):
    """(axes, pixels) of a plot on a figure of its own."""
    figure = Figure(figsize=size, layout="constrained")
    ax = function(*args, ax=figure.subplots(), **kwargs)
    picture = io.BytesIO()
    figure.savefig(picture, format="rgba", dpi=100)
    return ax, np.frombuffer(picture.getvalue(), np.uint8).reshape(-1, 4)


def overlapping(texts):
    boxes = [text.get_window_extent() for text in texts]
    return [(a.get_text(), b.get_text()) for (a, i), (b, j) in combinations(zip(texts, boxes, strict=True), 2)
            if i.shrunk(0.98, 0.9).overlaps(j.shrunk(0.98, 0.9))]
