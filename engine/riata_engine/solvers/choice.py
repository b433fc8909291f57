"""Which solver: by what each would cost."""


def choose(wish, form, alphas, options):
    """Name of the solver to use; ``wish`` is "auto" or a name."""
    if wish != "auto":
        return wish
    return "gram"
