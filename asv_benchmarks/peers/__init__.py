"""riata against its peers: same data, same grid, one judge.

Run with ``make peers``, or ``python -m peers`` in asv_benchmarks/ by the interpreter that has riata.
"""
