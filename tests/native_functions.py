"""The native functions by one signature, for tests of what they refuse alike."""
import pytest

import riata

FUNCTIONS = [riata.fit_path, riata.fit_batch,
             lambda X, y, **options: riata.cross_validate_path(X, y, **{"cv": 3, **options}),
             lambda X, y, **options: riata.nested_cross_validate(X, y, **{"cv": 3, "inner_cv": 3, **options})]
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=["path", "batch", "cross_validate", "nested"])
