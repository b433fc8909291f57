"""What a user waits for before anything is computed. Each runs in a fresh interpreter."""

DATA = "import numpy; r = numpy.random.default_rng(0); X = r.standard_normal((200, 20)); y = r.standard_normal(200)"


def timeraw_import():
    return "import riata", "import numpy, scipy"


def timeraw_import_estimators():
    return "import riata.linear_model", "import numpy, scipy"


def timeraw_first_path():
    """The first path after the import."""
    return "riata.fit_path(X, y, n_threads=1)", f"import riata; {DATA}"


def timeraw_first_estimator():
    """The first scikit-learn fit after the import."""
    return "riata.linear_model.ElasticNet().fit(X, y)", f"import riata.linear_model; {DATA}"


def track_modules_imported():
    """Modules loaded by ``import riata`` beyond those of numpy and scipy: a jump is a dependency that slipped in."""
    import subprocess
    import sys

    code = "import sys, numpy, scipy; n = len(sys.modules); import riata; print(len(sys.modules) - n)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


track_modules_imported.unit = "modules"
