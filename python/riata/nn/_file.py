"""Networks as files: one .npz with the weights and a JSON description; nothing in it is executed when it is read."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from riata.persistence import atomic_path

from ._layers import LAYERS
from ._losses import LOSSES
from ._sequential import Sequential

FORMAT, VERSION = "riata-network", 1


def write(network, path):
    """Write a network that has weights."""
    weights = network.weights
    document = {"format": FORMAT, "format_version": VERSION, "layers": [layer.config() for layer in network.layers],
                "loss": {"name": network.loss.name, **asdict(network.loss)}, "input_shape": network.input_shape,
                "dtype": network.dtype, "seed": network.seed}
    arrays = {f"weights.{key}": value for key, value in weights.items()}
    classes = getattr(network, "classes_", None)
    if classes is not None and classes.dtype.kind == "O":
        document["classes"] = _plain(classes)
    elif classes is not None:
        arrays["classes"] = classes
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, network=np.array(json.dumps(document)), **arrays)


def _plain(classes):
    """Labels of an array of objects as JSON keeps them apart: text, ints, floats and bools."""
    labels = [label.item() if isinstance(label, np.generic) else label for label in classes]
    for label in labels:
        if type(label) not in (str, int, float, bool):
            raise ValueError(f"classes_ has the label {label!r}, a {type(label).__name__}, which a file cannot keep: fit the "
                             "network to labels that are text, ints, floats or bools, such as y.astype(str)")
    return labels


def _read(path):
    """(document, weights, classes) of a file.

    Raises
    ------
    ValueError
        If it is no network that riata wrote.
    """
    path = Path(path)
    strange = f"{path.name} is no network of riata: give a file that Sequential.save wrote"
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        document = json.loads(str(arrays.pop("network")))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise ValueError(strange) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(strange)
    if document.get("format_version") != VERSION:
        raise ValueError(f"{path.name} has format_version {document.get('format_version')!r}, and this riata reads {VERSION}")
    classes = arrays.pop("classes", None)
    if "classes" in document:
        classes = np.array(document["classes"], dtype=object)
    return document, {key.removeprefix("weights."): value for key, value in arrays.items()}, classes


def load_network(path):
    """Read a network that `Sequential.save` wrote; it predicts what the saved one did, bit for bit.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Sequential

    Raises
    ------
    ValueError
        If the file is no network of riata, or its weights do not fit its layers.
    """
    document, weights, classes = _read(path)
    try:
        layers = [LAYERS[config.pop("layer")](**config) for config in document["layers"]]
        settings = dict(document["loss"])
        loss = LOSSES[settings.pop("name")](**settings)
        network = Sequential(layers, loss=loss, input_shape=document["input_shape"], dtype=document["dtype"],
                             seed=document["seed"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{Path(path).name} describes no network: {error}") from None
    network.set_weights(weights)
    if classes is not None:
        network.classes_ = classes
    return network


def read_weights(network, path):
    """Take the weights, and the labels where it has some, of a file whose layers are those of the network."""
    document, weights, classes = _read(path)
    here = json.loads(json.dumps([_shape_of(layer.config()) for layer in network.layers]))
    there = [_shape_of(config) for config in document["layers"]]
    for number in range(max(len(here), len(there))):
        mine, other = (side[number] if number < len(side) else None for side in (here, there))
        if mine != other:
            raise ValueError(f"{Path(path).name} is of another architecture: its layer {number} is {_said(other)}, here it is "
                             f"{_said(mine)}")
    if network._net is None:
        network.build(document["input_shape"])
    network.set_weights(weights)
    if classes is not None:                             # the weights of the head are those of these labels
        network.classes_ = classes


def _shape_of(config):
    """What of a layer says which weights it has: not how they are penalised, and whether they learn."""
    return {key: value for key, value in config.items() if key not in ("l1", "l2", "trainable", "rate", "momentum")}


def _said(config):
    if config is None:
        return "not there"
    return f"{config['layer']}({', '.join(f'{key}={value}' for key, value in config.items() if key != 'layer')})"
