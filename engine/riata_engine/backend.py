"""Where the arithmetic runs: an explicit choice, never what happens to be installed."""

BACKENDS = ("cpu",)


def get_backend(name="cpu"):
    """The compiled modules of a backend.

    Raises
    ------
    ValueError
        If ``name`` is no backend of this build.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r} is not one of {BACKENDS}")
    import riata_engine.cpu as module

    return module
