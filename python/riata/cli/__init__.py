"""The command line: ``riata fit``, ``riata predict``, ``riata batch``, ``riata demo``, ``riata info``."""
