"""Ctrl-C during a call: noted at once, answered at the next place where the work can stop in order."""

import threading

# of the module signal, which wraps these in enums: ten times the cost
from _signal import SIGINT, default_int_handler, getsignal, signal


class orderly_interrupt:
    """Context: the first Ctrl-C in it sets ``control`` to stop; the second raises ``KeyboardInterrupt`` where it finds the code.

    Python raises ``KeyboardInterrupt`` between any two bytecodes; what is done would be lost with the stack. This works in the
    main thread only, and only where the caller has Python's own handler: a handler of the caller's stays.
    """

    def __init__(self, control):
        self.control = control

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        self.ours = main and getsignal(SIGINT) is default_int_handler
        if self.ours:
            signal(SIGINT, self._note)

    def _note(self, number, frame):
        signal(SIGINT, default_int_handler)
        self.control.interrupt()

    def __exit__(self, *_):
        if self.ours:
            signal(SIGINT, default_int_handler)
