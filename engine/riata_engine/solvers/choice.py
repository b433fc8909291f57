"""Which solver: by what each would cost."""


def choose(wish, form, alphas, options):
    """Name of the solver to use; ``wish`` is "auto" or a name."""
    if wish != "auto":
        return wish
    n, p = form.shape
    if p <= 500 or p <= n:
        return "gram"
    return "working_set"
