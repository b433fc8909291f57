# A path on few features and its folds: what is asked, and the room to work in.
from riata_engine.cpu.design cimport Columns

cdef enum:
    SOLVED = 0
    IRREGULAR = 1                          # something that the long way knows how to treat
    INFINITE_X = 2                         # a NaN or an infinity in X
    SHORT_OF_MEMORY = 3
    PHASES = 4                             # standard form, grid, Gram matrices, descent

cdef struct Rules:
    # the same for all tasks of a call
    bint intercept, finite                 # finite: X is known to be
    double tol, stop_dev_ratio, stop_dev_change
    double nothing                         # see NOTHING in null_model.py
    double least_ratio                     # see SMALLEST_L1_RATIO in grid.py
    double doubtful                        # largest share of tol that rounding may take of a gap
    double guard, light                    # see GUARD and LIGHT in statistics.py
    double inflated                        # see INFLATED in gram.py
    double far_off                         # see FAR_OFF in statistics.py
    long max_epochs
    int loss, link                         # codes: loss_table.pxi, and LINKS in losses.py
    double parameter                       # of the loss
    double null_tol                        # see NULL_TOL in losses.py

cdef struct Task:
    # n rows, p features, L alphas, K folds
    Columns X                              # dense; its center and multiplier are found here
    const double* y
    Py_ssize_t step                        # from one entry of y to the next
    const double* v                        # (n) row weights of sum one; NULL: all alike
    bint even                              # whether they are
    const int* fold                        # (n) the fold that holds a row out, negative: none
    Py_ssize_t K, L
    double l1_ratio
    double rounding                        # see rounding_of_mean in standard_form.py
    const double* ratios                   # of the alphas to their largest, which is then found here; NULL: ``alphas`` are given
    double* alphas
    double* coef                           # the answer: (L, p), (L) each of all else
    double* level
    double* gap
    double* residual
    double* df
    unsigned char* finite
    signed char* status
    int* epochs
    int* newtons
    double* held_out                       # (K, L) mean squared errors of what is held out
    double* prediction                     # (n, L) of the rows that a fold holds out
    double* fold_gap                       # (L) the largest gap and the worst status of the folds
    signed char* fold_status
    double null, sigma                     # of the target: null deviance in units of sigma², and sigma
    double seconds[PHASES]

cdef struct Room:
    # zeros to begin with; group 0 is the path on all rows, group 1 + k the one without the rows of fold k; G of them
    double* alike                          # (n) weights of sum one
    double* Y                              # (n) the target in units of sigma
    double* r                              # (n) each
    double* v
    double* root
    double* one_y                          # (n, 2)
    double* center                         # (p) each
    double* multiplier
    double* deviation
    double* size
    double* factor
    double* f2
    double* mean
    double* lower
    double* upper
    double* zero
    double* spread
    unsigned char* constant
    double* packed
    double* l1                             # (G, L)
    double* l2
    double* C                              # (G, p, p)
    double* c                              # (G, p) each
    double* shift
    double* start
    double* raw                            # (p, 2)
    double* null                           # (G) each
    double* yy
    double* ybar
    double* inflation                      # how many times larger the numbers were that C came from
    double* bound_scale
    double* start_l1
    double* tol
    Py_ssize_t* gram_of
    Py_ssize_t* lengths
    double* coef                           # (G, L, p)
    double* gap                            # (G, L) each
    double* residual
    double* length
    signed char* status
    int* epochs
    int* newtons
    # with folds only: sums over the rows of each, and over those that none holds (part K)
    double* root_of                        # (n) roots of the weights; ``root`` has them in the order of the parts
    Py_ssize_t* order                      # (n) rows by part
    Py_ssize_t* first                      # (K + 3) where a part begins among them
    double* part_C                         # (K + 1, p, p)
    double* part_c                         # (K + 1, p, 2)
    double* part_weight                    # (K + 1) each
    double* part_y
    double* whole_c                        # (p, 2)
    Py_ssize_t* own_rows                   # (n) rows of one group
    double* own_root
    double* own_center                     # (p)
    double* own_z
    double* Z                              # (n, p) rows that are held out
    double* fit                            # (n, L)
