"""SGDClassifier that returns the mean of its iterates."""

from functools import partial

from . import loops
from . import sgd as plain

VERSION, prepare = plain.VERSION, plain.prepare
sgd = partial(plain.sgd, average=True)
many_sgd = loops.targets(sgd)
