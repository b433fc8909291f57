"""Level 1 on a GPU: the functions of cpu/, under the same names and with the same arguments, as kernels of numba.cuda.

Imported by ``get_backend("cuda")`` alone, because it loads numba.
"""
