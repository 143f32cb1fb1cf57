"""What a run came to, in words and as an exit code."""

from pathlib import Path

from activities.workspace.layout import Layout
from ops.standing import best
from schemas.state import RunState

DELIVERED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 3


def exit_code(state: RunState) -> int:
    """0 delivered or still going on, 1 failed, 3 stopped by a person, or paused by a person or the system."""
    if state.paused or state.phase == "STOPPED":
        return STOPPED
    return FAILED if state.phase == "FAILED" else DELIVERED


def summary(state: RunState) -> list[str]:
    """The last lines of `run` and `watch`."""
    run = state.spec.run.id
    if state.paused:
        who = "a person" if state.paused == "person" else "the system"
        then = f"Look at it with: aibuildai watch {run}" if state.until_room else f"Go on with: aibuildai resume {run}"
        return [f"Paused by {who}: {state.pause_why}", then]
    lines = [f"{state.phase}: {state.why}" if state.why else state.phase]
    output = Layout.of(state.spec.run).output
    if state.verified:
        lines += _delivered(state, output)
    report = output / "report.html"
    if report.is_file():
        lines.append(f"Report:     {report}")
    if state.phase == "FAILED":
        lines.append(f"What happened: aibuildai history {run}")
    return lines


def _delivered(state: RunState, output: Path) -> list[str]:
    found = best(state)
    lines = []
    if found is not None:
        name = found.candidate if found.candidate == "ensemble" else f"candidate {found.candidate}"
        lines.append(
            f"Verified:   {found.metric} {found.value:.5g} [{found.low:.5g}, {found.high:.5g}] on withheld labels "
            f"({found.split}), {name}" + (", then trained again on all rows" if state.refitted else "")
        )
    lines.append(f"Model:      {output / 'model'}  (what it is: MODEL_CARD.md)")
    submission = output / "submission.csv"
    if submission.is_file():
        lines.append(f"Submission: {submission}")
    lines.append(f"Predict:    {predict(state, output / 'model')}")
    rows = (state.task.test if state.task else None) or "test.csv"
    lines.append(f"            FOLDER holds the rows to predict as {rows}")
    return lines


def predict(state: RunState, model: Path) -> str:
    """A command line that predicts with the delivered model."""
    python = Path(state.environment) / "bin" / "python" if state.environment else Path("python")
    code = model / "inference.py"
    return f"{python} {code} --data FOLDER --model {model / 'weights'} --out predictions.csv"
