from riata_engine.cpu.design cimport Columns

cdef enum:                      # where a feature is
    LEFT_OUT = 0
    AT_REST = 1
    IN_PLAY = 2

cdef struct Column:
    # a feature in play: all that a coordinate step reads of it, side by side
    Py_ssize_t j
    const char* x               # its entries: in X, or a copy (of few rows: of z less its mean, in float64)
    const int* index            # their rows (sparse)
    Py_ssize_t length
    double b
    double h                    # weighted variance of z
    double mean                 # mean of the raw column in this group; sparse: less what is taken from the entries themselves,
    double offset               # which is the mean where every row of weight has one: no large mean then meets the total
    double multiplier
    double f1                   # penalty factors
    double f2
    double lower                # bounds, already scaled
    double upper

cdef struct Block:
    # memory for copies of columns: a list of blocks, the newest first
    Block* older
    Py_ssize_t used
    Py_ssize_t size

cdef struct State:
    # the residual of one problem, its coefficients, and what they are made of
    const Columns* X
    const double* y             # (n,) centred target
    const double* v             # (n,) weights, sum one
    double level                # the weight of every row where they are all the same, else 0
    const double* mean          # (p,), and so on: see Column
    const double* h
    const double* f1
    const double* f2
    const double* lower
    const double* upper
    double bound_scale
    bint intercept
    Py_ssize_t padded           # dense columns of few rows: the length of their copies, a multiple of eight; else 0
    double* w                   # (padded,) v
    bint lazy                   # a pass leaves out columns that, by how far the residual has gone, cannot pass the threshold:
    double threshold            # the one of the last pass, in units of f1
    double travel               # at least the way of r from pass to pass, in the norm of V
    double* root                # (p,) √h
    double* rest                # (p,) |t| when it was last computed, less root·travel then
    double* before              # (n,) r at the last pass
    Py_ssize_t* listed          # columns that the last pass has looked at, in order
    Py_ssize_t n_listed
    double* r                   # (n,) residual as of the last refresh (sparse: ρ); with zeros behind it, like u and direction
    double* u                   # (n,) V r, kept up to date (sparse: V ρ)
    double total                # sparse: S = Σ v ρ
    double length_y             # ‖y‖ in the norm of V
    double* direction           # (n,) scratch of the Newton step
    double* b                   # (p,) coefficients as of the last refresh
    double* t                   # (p,) Zᵀ V r as of the last pass, or its bound (``list_columns``); 0 for features not in the model
    char* full                  # (p,) sparse: whether every row of weight has an entry
    char* place                 # (p,) LEFT_OUT, AT_REST or IN_PLAY
    Column* play                # features in play, in the order in which they came
    Py_ssize_t m
    Py_ssize_t capacity
    Py_ssize_t* support         # positions in play of the coefficients other than zero
    Py_ssize_t n_support
    char** copied               # (p,) copies of short columns that have been in play
    Block* block                # where they are
    Column* free                # features without a penalty, and K (n_free, n_free): K Kᵀ = pseudo-inverse of their Gram matrix
    Py_ssize_t n_free
    const double* K
    double* slopes              # 3·n_free of scratch

cdef int fill(State* S, Column* c, Py_ssize_t j) noexcept nogil
cdef int open_state(State* S, const Py_ssize_t* free_features) noexcept nogil
cdef void close_state(State* S) noexcept nogil
