"""A long call into LAPACK or NumPy that Ctrl-C and the time budget need not wait for."""

import contextvars
import os
import threading

from riata_engine.cpu.control import Stopped
from riata_engine.threads import single_threaded_blas

#: floating-point operations from which a call is worth a thread: below, it takes some 50 ms at most
WORTH = 1e9
#: seconds between two looks at the control
INTERVAL = 0.05
#: of each call that was left behind and was not waited for since, the event of its end
_left_behind = set()


def interruptibly(function, control, flops):
    """``function()``, left behind where ``control`` is stopped.

    No one can end a call of LAPACK. Where the work is large it runs in a thread of its own, while the calling thread looks at the
    control; it is the same computation there, to the last bit. After a stop that thread works on to the end of its call, to no
    avail: so ``function`` must not write into anything that is kept, nor poll ``control`` itself (``control.stopped`` tells it).
    It holds BLAS to one thread until it ends, and the next large call waits for it, so that neither threads nor memory pile up.
    A process that ends meanwhile waits for the thread, as BLAS must not be unloaded under it; a further Ctrl-C ends that wait.

    Parameters
    ----------
    function : callable without arguments
        It should spend its time where the GIL is released: numpy.linalg, np.matmul and SciPy's sparse products do so,
        ``scipy.linalg.lapack`` does not.
    control : Control or None
        None: called as it is.
    flops : float
        An estimate of the work.

    Raises
    ------
    Stopped
        If the call was left behind, or had to wait for one that was until ``control`` was stopped.
    """
    if control is None or flops < WORTH:
        return function()
    for earlier in tuple(_left_behind):
        _wait(earlier, control)
        _left_behind.discard(earlier)
    found, failed, done = [], [], threading.Event()
    context = contextvars.copy_context()                  # with it, what numpy is to say of overflows

    def work():
        try:
            with single_threaded_blas():                  # the caller's own may end before
                found.append(context.run(function))
        except BaseException as error:                    # raised where the answer is waited for
            failed.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="riata").start()
    try:
        _wait(done, control)
    except BaseException:                                 # Stopped, or the second Ctrl-C
        _left_behind.add(done)
        raise
    if failed:
        raise failed[0]
    return found[0]


def _wait(done, control):
    """Wait for an event.

    Raises
    ------
    Stopped
        If ``control`` was stopped before.
    """
    while not done.wait(INTERVAL):
        if control.check():
            raise Stopped


if hasattr(os, "register_at_fork"):                       # a forked child has no such threads
    os.register_at_fork(after_in_child=_left_behind.clear)
