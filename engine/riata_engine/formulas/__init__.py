"""Scalar mathematics: the only home of any formula."""
