"""Where everything of a run lies. Every path of the run's folder is named here and nowhere else."""

from dataclasses import dataclass
from pathlib import Path

from schemas.base import RunRef


@dataclass(frozen=True)
class Layout:
    """The run's folder.

    Agents may see `view`, repositories and what jobs leave; never `withheld`.
    """

    folder: Path

    @classmethod
    def of(cls, run: RunRef) -> "Layout":
        return cls(Path(run.folder))

    @property
    def spec(self) -> Path:
        return self.folder / "run.json"

    @property
    def task(self) -> Path:
        """The task as given: task.yaml, description.md, own scripts, and `data` (a folder or a link to it)."""
        return self.folder / "task"

    @property
    def settled(self) -> Path:
        """The settled Task, as JSON."""
        return self.folder / "task.json"

    @property
    def profile(self) -> Path:
        return self.folder / "profile.json"

    @property
    def view(self) -> Path:
        """What agents see of the data: labelled rows outside what is withheld, test inputs, description."""
        return self.folder / "view"

    @property
    def withheld(self) -> Path:
        return self.folder / "withheld"

    def part(self, name: str) -> Path:
        """One part of the split: `fit/` (a view to train on), `inputs/` (a view to predict), `labels.parquet`."""
        return self.withheld / "parts" / name

    @property
    def setup_notes(self) -> Path:
        return self.folder / "SETUP.md"

    def repository(self, number: int) -> Path:
        """The candidate's latest revision, checked out for people; 0 is the aggregator's."""
        return self.folder / "repositories" / str(number)

    @property
    def git_dir(self) -> Path:
        """One bare git directory for all repositories of the run, so that designs can draw on any candidate."""
        return self.folder / "repositories" / "run.git"

    def worktree(self, invocation: str, attempt: int) -> Path:
        return self.folder / "worktrees" / f"{invocation}.a{attempt}"

    def journals(self, invocation: str) -> Path:
        """The folder of an invocation's segments, one for each attempt."""
        return self.folder / "journals" / invocation

    def journal(self, invocation: str, attempt: int) -> Path:
        return self.journals(invocation) / f"a{attempt}.jsonl"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    def job(self, job: str) -> Path:
        return self.jobs / job

    def job_tree(self, job: str) -> Path:
        """The checkout that the job runs."""
        return self.job(job) / "tree"

    def job_out(self, job: str, part: str) -> Path:
        """What training left for one part: `model/`, `metrics.jsonl`."""
        return self.job(job) / "parts" / part / "out"

    def job_predictions(self, job: str, part: str) -> Path:
        """The folder of `predictions.csv` and, where the code gives it, `probabilities.csv`."""
        return self.job(job) / "parts" / part / "predictions"

    def job_config(self, job: str) -> Path:
        """config.yaml as the job used it."""
        return self.job(job) / "config.yaml"

    def trial(self, job: str) -> Path:
        """What a training of a candidate was, and came to."""
        return self.job(job) / "trial.json"

    @property
    def held(self) -> Path:
        """While this file is there, agents hold before their next turn: the run is paused."""
        return self.folder / "HELD"

    @property
    def purse(self) -> Path:
        """What models cost, call by call, as all workers of the run see it at once."""
        return self.folder / "purse.jsonl"

    @property
    def exchanges(self) -> Path:
        """Recorded exchanges with models, of a run that is recorded."""
        return self.folder / "exchanges"

    def exchange(self, invocation: str, turn: int) -> Path:
        """A recorded exchange with a model: request and reply, whole."""
        return self.exchanges / invocation / f"{turn:03d}.json"

    @property
    def weights(self) -> Path:
        """Pretrained weights, a folder for each by its name; jobs that train see it read-only."""
        return self.folder / "weights"

    @property
    def sample(self) -> Path:
        """A few rows of the view, for checks of code: `fit/` and `inputs/`."""
        return self.folder / "sample"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.jsonl"

    def history(self, epoch: int) -> Path:
        return self.histories / f"{epoch + 1:03d}.json"

    @property
    def histories(self) -> Path:
        return self.folder / "history"

    def fence(self, subject: str) -> Path:
        """Where attempts at the same thing have a folder each; what they make comes from there."""
        return self.folder / "fences" / subject

    @property
    def pruned(self) -> Path:
        """While this file is there, all but the record and the output of an ended run was removed."""
        return self.folder / "PRUNED"

    @property
    def output(self) -> Path:
        return self.folder / "output"
