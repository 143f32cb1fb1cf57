"""Reports of a run, from its ledger and its folder alone: a page, a paper, and the model's card."""

from activities.workspace.report.files import render

__all__ = ["render"]
