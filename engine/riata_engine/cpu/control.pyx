# How a long compiled loop stays answerable: every kernel polls between small pieces of work. One thread in fifty milliseconds
# takes the GIL, lets Python handle signals (Ctrl-C), reports progress and looks at the clock.
from libc.math cimport INFINITY
from cpython.exc cimport PyErr_CheckSignals

cdef extern from *:
    """
    #if defined(_WIN32)
    #include <windows.h>
    static double riata_monotonic(void) {
        LARGE_INTEGER f, c; QueryPerformanceFrequency(&f); QueryPerformanceCounter(&c);
        return (double)c.QuadPart / (double)f.QuadPart; }
    static long riata_fetch_add(long* x, long v) { return InterlockedExchangeAdd(x, v); }
    static void riata_pause(void) { Sleep(1); }
    #else
    #include <time.h>
    static double riata_monotonic(void) {
        struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
    static long riata_fetch_add(long* x, long v) { return __atomic_fetch_add(x, v, __ATOMIC_ACQ_REL); }
    static void riata_pause(void) { struct timespec t = {0, 1000000}; nanosleep(&t, 0); }
    #endif
    """
    double riata_monotonic() noexcept nogil
    long riata_fetch_add(long* x, long v) noexcept nogil
    void riata_pause() noexcept nogil

cdef double INTERVAL = 0.05


cdef double monotonic() noexcept nogil:
    return riata_monotonic()


class Stopped(Exception):
    """A pass was left before its end: what it was to fill must not be read. ``Control.stopped`` tells why."""


cdef class Control:
    """The state of one call of ``solve``: time budget, progress and the reason to stop early.

    Parameters
    ----------
    time_budget : float or None
        Seconds from now.
    progress : callable or None
        ``progress(done, total)``, called from the calling thread.
    total : int
        (problem, alpha) pairs to do.
    """

    def __init__(self, time_budget=None, progress=None, total=0):
        self.started = riata_monotonic()
        self.signal.stop = 0
        self.signal.done = 0
        self.signal.deadline = INFINITY if time_budget is None else self.started + time_budget
        self.signal.next_poll = self.started + INTERVAL
        self.progress = progress
        self.total = total
        self.error = None

    @property
    def stopped(self):
        """None, "interrupted" or "time_budget"."""
        return (None, "interrupted", "time_budget")[self.signal.stop]

    @property
    def done(self):
        """(problem, alpha) pairs finished."""
        return self.signal.done

    @done.setter
    def done(self, value):
        self.signal.done = value

    def interrupt(self):
        """Stop as Ctrl-C does."""
        self.error = KeyboardInterrupt()
        self.signal.stop = 1

    def check(self):
        """Poll from Python; returns True when the work should stop."""
        poll(&self.signal, <void*>self)
        return self.signal.stop != 0

    cdef void attend(self) noexcept:
        try:
            PyErr_CheckSignals()
            if self.progress is not None and self.total:        # not before the grid is known
                self.progress(min(self.signal.done, self.total), self.total)
        except BaseException as error:      # whatever a signal handler or the callback raises ends the call, once the loops are left
            self.error = error
            self.signal.stop = 1


cdef int overdue(Signal* signal) noexcept nogil:
    """Non-zero when the caller should leave its loop. For threads that do not own the control: no signals, no progress."""
    if signal.stop == 0 and riata_monotonic() >= signal.deadline:
        signal.stop = 2
    return signal.stop


cdef int attend(Signal* signal, void* control, bint owner) noexcept nogil:
    """``poll`` from the thread that owns the control, ``overdue`` from the others."""
    return poll(signal, control) if owner else overdue(signal)


cdef void wait_for_others(long* finished, long total, Signal* signal, void* control) noexcept nogil:
    """The owner's last duty: it stays answerable while other threads still work."""
    while riata_fetch_add(finished, 0) < total:
        poll(signal, control)
        riata_pause()


cdef long fetch_add(long* counter, long value) noexcept nogil:
    """The counter before the addition, atomically."""
    return riata_fetch_add(counter, value)


cdef int poll(Signal* signal, void* control) noexcept nogil:
    """Non-zero when the caller should leave its loop. Call from the thread that owns the control (OpenMP thread 0)."""
    cdef double now
    if signal.stop:
        return signal.stop
    now = riata_monotonic()
    if now >= signal.deadline:
        signal.stop = 2
    elif now >= signal.next_poll:
        signal.next_poll = now + INTERVAL
        with gil:
            (<Control>control).attend()
    return signal.stop


cdef int worth(double flops, int n_threads) noexcept nogil:
    """Threads to open for so much work: below a few million flops, waking them costs more than they do."""
    return 1 if flops < 4e6 else n_threads
