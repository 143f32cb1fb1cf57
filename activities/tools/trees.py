"""The trees of files that roles see: their own repository, data, notes, results, earlier calls, other candidates."""

from collections.abc import Mapping

from activities.execution.base import Jobs
from activities.tools.bench import Bench
from activities.tools.roots import Candidates, Folder, Joined, OneFile, Results, Root
from activities.tools.told import Told
from activities.workspace.layout import Layout
from activities.workspace.repository import Repository


def candidate_tree(bench: Bench, parents: Mapping[int, str] | None = None) -> Joined:
    """A candidate's own repository, with what its jobs left; a designer also sees the parents that it draws on."""
    named = {**_shared(bench.layout), "calls": Told(bench.done)}
    named["results"] = Results(bench.layout, bench.jobs, bench.candidate or 0)
    if parents:
        named["candidates"] = Candidates(bench.layout, bench.repository, bench.jobs, parents)
    return Joined(Folder(bench.worktree), named)


def overview(bench: Bench, revisions: Mapping[int, str]) -> Joined:
    """The aggregator's own repository, and every candidate's."""
    candidates = Candidates(bench.layout, bench.repository, bench.jobs, revisions)
    named = {**_shared(bench.layout), "calls": Told(bench.done), "candidates": candidates}
    return Joined(Folder(bench.worktree), named)


def board_tree(layout: Layout, jobs: Jobs, revisions: Mapping[int, str]) -> Joined:
    """What the manager reads: every candidate's repository, and none of its own."""
    candidates = Candidates(layout, Repository(layout.git_dir), jobs, revisions)
    return Joined(None, {**_shared(layout), "candidates": candidates})


def _shared(layout: Layout) -> dict[str, Root]:
    return {"data": Folder(layout.view), "SETUP.md": OneFile(layout.setup_notes)}
