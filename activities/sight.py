"""Labels and runs lie where generated code cannot read them: not in what every sandbox shows as a whole."""

import sys
from pathlib import Path

from activities.errors import BadInput
from activities.execution.surroundings import shown_with
from activities.workspace.taskfile import Given, read_given
from schemas.task import SplitFile


def out_of_sight(*private: Path | None) -> None:
    """BadInput where one of these lies in what every sandbox shows."""
    for path in private:
        if path is not None and (shown := shown_with(str(path.expanduser()), sys.prefix)):
            raise BadInput(f"{path} lies below {shown}, which generated code can read as a whole: keep it elsewhere")


def task_out_of_sight(folder: Path) -> None:
    """BadInput where the labels of a task folder do, wherever its keys and links lead."""
    given = read_given(folder)
    out_of_sight(given.data.resolve(), *(path.resolve() for path in _tables(given)))


def _tables(given: Given) -> list[Path]:
    """The tables that task.yaml names, which need not lie in the data folder."""
    file, split = given.file, given.file.split or SplitFile()
    names = (file.train, file.test, file.sample_submission, split.select_file, split.report_file)
    found = (base / name for name in names if name is not None for base in (given.data, given.folder))
    return [path for path in found if path.exists()]
