from riata_engine.cpu.newton_path cimport Task

cdef double gap_of_loss(const Task* P, const double* f1, const double* f2, const double* lower, const double* upper, const double* t,
                        const double* b, const double* eta, const double* r, double value, double l1, double l2) noexcept nogil
