"""The native functions by one signature, for tests of what they refuse alike."""
import pytest

import riata

FUNCTIONS = [riata.fit_path, riata.fit_batch,
             lambda X, y, **options: riata.cross_validate_path(X, y, **{"cv": 3, **options}),
             lambda X, y, **options: riata.nested_cross_validate(X, y, **{"cv": 3, "inner_cv": 3, **options}),
             lambda X, y, **options: riata.bootstrap_path(X, y, **{"n_boot": 3, "cv": 3, **options}),
             lambda X, y, **options: riata.permutation_test(X, y, **{"n_perm": 2, "cv": 3, **options}),
             riata.adaptive_path]
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=["path", "batch", "cross_validate", "nested", "bootstrap",
                                                                     "permutation", "adaptive"])
