"""glmstar with ``covariance=True``: glmnet's other way, which keeps inner products of columns instead of residuals."""

from . import glmstar

VERSION = glmstar.VERSION
glmstar.COVARIANCE = True
path, fit, cv = glmstar.path, glmstar.fit, glmstar.cv
