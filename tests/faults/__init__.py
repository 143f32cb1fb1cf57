"""Runs that are broken on purpose: `python -m tests.faults` drives them, and counts what was lost."""
