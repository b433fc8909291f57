"""Metadata that `fit` passes on to splitters and scorers."""

from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing


def routed(estimator, sample_weight, params):
    """What ``fit`` passes on: {object: {method: params}}; with metadata routing off, params is an error."""
    if not get_config()["enable_metadata_routing"]:
        if params:
            raise ValueError(
                f"[{', '.join(sorted(params))}] cannot be passed to fit of {type(estimator).__name__}: metadata is "
                "passed on only after sklearn.set_config(enable_metadata_routing=True)."
            )
        return {}
    return process_routing(estimator, "fit", sample_weight=sample_weight, **params)
