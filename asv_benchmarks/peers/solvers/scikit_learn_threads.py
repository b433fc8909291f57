"""scikit-learn through joblib in threads: nothing is pickled, but only its compiled loops run side by side."""

from . import scikit_learn_joblib

VERSION = scikit_learn_joblib.VERSION
path = scikit_learn_joblib.path
many, many_cv, boots = scikit_learn_joblib.tasks(backend="threading")
