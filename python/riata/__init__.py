"""riata: penalised models, one or a hundred thousand at a time."""
__version__ = "0.1.0"
