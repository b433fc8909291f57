"""How much memory is free."""

import os
from pathlib import Path


def free_memory():
    """Bytes that can be had without swapping: of the machine, or of the cgroup where that is less; 4 GiB where nothing tells."""
    free = 4 * 2.0**30
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = 1024.0 * int(line.split()[1])
    except OSError:
        if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
            free = float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text().strip()
        if limit != "max":
            free = min(free, max(0.0, float(limit) - float(used)))
    except OSError:
        pass                                    # no cgroup v2 here
    return free
