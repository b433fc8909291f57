"""The same as ``python -m peers`` in asv_benchmarks/, from any folder."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
from peers.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
