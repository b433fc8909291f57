"""Where the arithmetic runs: an explicit choice, never what happens to be installed."""

BACKENDS = ("cpu",)


def require_backend(name):
    """Refuse a backend that this build does not have; ``solve`` asks before anything else.

    Raises
    ------
    ValueError
        If ``name`` is no backend of this build.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r} is not one of {BACKENDS}: this build has no other; leave backend='cpu'")
