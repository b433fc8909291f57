"""The same as ``python -m compare`` in asv_benchmarks/, from any folder."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
from compare.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
