from riata_engine.cpu.design cimport Design

cdef class ZoneGrams:
    cdef readonly Design design
    cdef readonly object C, s, total
    cdef const double[:, ::1] c
    cdef unsigned char[:, ::1] held
    cdef Py_ssize_t[::1] moved
    cdef readonly long rows_summed
