"""pip and build read pyproject.toml and never run this file. It serves the old commands
(`python setup.py build_ext --inplace`, `bdist_wheel`) with the same CMakeLists.txt; they need
setuptools and scikit-build-core installed."""
import re
from pathlib import Path

from setuptools import setup

setup(
    version=re.search(r'__version__ = "(.+?)"', Path("python/riata/__init__.py").read_text())[1],
    package_dir={"riata": "python/riata", "riata_engine": "engine/riata_engine"},
    packages=["riata", "riata.linear_model", "riata.cli", "riata_engine", "riata_engine.cpu", "riata_engine.formulas",
              "riata_engine.solvers"],
    include_package_data=False,
    cmake_source_dir=".",
)
