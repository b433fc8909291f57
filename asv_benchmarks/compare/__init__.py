"""Two commits on one machine, benchmark by benchmark, in turns; and a baseline of one commit.

asv runs one commit after the other and builds an environment for each from the package index. Here both commits are timed in
turns, by the clock of the CPU, with the packages of one environment, so that a busy machine disturbs both alike.
"""
