"""From layers to a network: shapes are followed from the input, and activations go into the stage before them."""

import operator

import numpy as np

from riata_engine.nets import ACTIVATIONS, Net, Stage
from riata_engine.random import uniform

from ._layers import Misfit, Sigmoid, Softmax, _Activation

#: streams of random numbers: that of a layer's first weights is this and its number
WEIGHTS = 1 << 61


def label(layers, number):
    """How messages name a layer."""
    return f"layer {number} {layers[number]!r}"


def check_shape(input_shape):
    """The shape of a row, ints of at least 1."""
    try:
        shape = tuple(map(operator.index, input_shape))
    except TypeError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ValueError(f"input_shape = {input_shape!r} must be a tuple of ints of at least 1, the shape of a row of X: (64,), "
                         "or (height, width, channels)")
    return shape


def follow(layers, input_shape):
    """The shapes [input, after layer 0, …].

    Raises
    ------
    ValueError
        If a layer cannot take what the one before it gives: both are named, with their shapes.
    """
    shapes = [check_shape(input_shape)]
    for number, layer in enumerate(layers):
        try:
            shapes.append(layer.shape_out(shapes[-1]))
        except Misfit as misfit:
            before = label(layers, number - 1) if number else "X"
            raise ValueError(f"{label(layers, number)} takes {misfit}, and {before} gives shape {shapes[-1]}") from None
        if isinstance(layer, Softmax) and number < len(layers) - 1:
            raise ValueError(f"{label(layers, number)} is followed by {label(layers, number + 1)}: Softmax() ends a network")
        if min(shapes[-1]) < 1:
            raise ValueError(f"{label(layers, number)} leaves nothing of shape {shapes[-2]}: {shapes[-1]}; use a smaller window "
                             "or stride")
    return shapes


def build(layers, shapes, loss, dtype, seed):
    """The engine's `Net` of checked layers, with its first weights drawn.

    Returns
    -------
    net : Net
    stage_of : dict
        Stage of each layer that has parameters.
    ends : list
        For each layer the number of stages whose output it gives.
    """
    final = len(layers) - 1
    linked = isinstance(layers[-1], Softmax) or (isinstance(layers[-1], Sigmoid) and loss.name == "cross_entropy")
    stages, stage_of, ends, drawn = [], {}, [], []
    taken = False
    for number, layer in enumerate(layers):
        if taken or (number == final and linked):                # the stage before has it, or the loss
            taken = False
            ends.append(len(stages))
            continue
        activation = getattr(layer, "activation", None)
        follows = layers[number + 1] if number < final and not (number + 1 == final and linked) else None
        if layer.fuses and activation is None and isinstance(follows, _Activation):
            activation, taken = follows.activation, True
        op = layer.make(shapes[number], ACTIVATIONS.index(activation or "linear"), seed, number)
        if op is not None:
            if layer.weight_names:
                stage_of[number] = len(stages)
            stages.append(Stage(op, number, layer.penalised(shapes[number])))
            drawn.append(layer.draw(shapes[number],
                                    lambda n, number=number: uniform(n, seed, WEIGHTS + number, 0, 1)[0], activation))
        ends.append(len(stages))
    if not stages:
        raise ValueError(f"the network {layers} has nothing to compute: add a layer with weights, such as Dense(units)")
    net = Net(stages, loss.op(type(layers[-1]).__name__, int(np.prod(shapes[-1]))), dtype)
    net.params[:] = np.concatenate(drawn)
    return net, stage_of, ends


def arrange(layers, net):
    """Bring what the layers say of learning and penalties to the network's stages."""
    changed = False
    for stage in net.stages:
        layer = layers[stage.layer]
        now = (bool(layer.trainable), getattr(layer, "l1", 0.0), getattr(layer, "l2", 0.0))
        changed |= now != (stage.trainable, stage.l1, stage.l2)
        stage.trainable, stage.l1, stage.l2 = now
        if hasattr(stage.op, "frozen"):
            stage.op.frozen = not stage.trainable
    if changed:
        net.bind()
