from riata_engine.cpu.cox_risk cimport Point, Risk

cdef double penalty_gap(Py_ssize_t m, const double* t, const double* b, double s, double l1, double l2, const double* f1, const double* f2,
                        double null) noexcept nogil
cdef void limits(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2, double* plain,
                 double* augmented) noexcept nogil
cdef double cox_gap(const Risk* R, const Point* P, Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1,
                    const double* f2, double null) noexcept nogil
