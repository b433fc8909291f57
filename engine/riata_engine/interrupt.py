"""Ctrl-C during a call: noted at once, answered at the next place where the work can stop in order."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def orderly_interrupt(control):
    """Let the first Ctrl-C of the block set ``control`` to stop; the second raises ``KeyboardInterrupt`` where it finds the code.

    Python raises ``KeyboardInterrupt`` between any two bytecodes; what is done would be lost with the stack. This works in the
    main thread only, and only where the caller has Python's own handler: a handler of the caller's stays.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def note(number, frame):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        control.interrupt()

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
