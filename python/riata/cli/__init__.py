"""The command line: ``riata fit``, ``riata predict``, ``riata demo``, ``riata info``."""
