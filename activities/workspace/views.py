"""Writing views: folders in the task's own layout and formats, with some of the rows."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from activities.workspace.parts import BLOCK
from activities.workspace.settle import Settled, id_texts
from activities.workspace.split import Mask
from activities.workspace.tables import Table, write_table

TASK_JSON = "task.json"
TEST_NAME = "test.csv"  # of a task that has no test file


@dataclass(frozen=True)
class Views:
    """Writes the views of one settled task."""

    settled: Settled
    written: dict[str, Path] = field(default_factory=dict)

    def to_train(self, folder: Path, rows: Mask) -> None:
        """Labelled rows, and the test rows beside them: what runs on the agents' view must run on a part's too."""
        self._start(folder)
        write_table(self.settled.train.take(rows), folder / self.settled.task.train)
        for table in (self.settled.test, self.settled.sample):
            if table is not None:
                self._same(folder / table.name, table.name, partial(write_table, table))

    def to_predict(self, folder: Path, rows: Mask) -> None:
        """Labelled rows as if they were test rows: no targets, nothing that only labelled rows have."""
        task = self.settled.task
        self._start(folder)
        inputs = self.settled.train.take(rows).without([*task.targets, *task.train_only])
        if self.settled.test is not None:
            order = [name for name in self.settled.test.columns if name in inputs.columns]
            inputs = Table(inputs.name, inputs.rows[order], self.settled.test.format)
        else:
            inputs = Table(TEST_NAME, inputs.rows)
        self._inputs(folder, inputs)

    def to_deliver(self, folder: Path) -> None:
        """The test rows, and nothing that is labelled."""
        assert self.settled.test is not None
        self._start(folder)
        self._inputs(folder, self.settled.test)

    def labels(self, path: Path, rows: Mask) -> None:
        """What the scorer compares with."""
        labels = self.settled.labels.loc[rows].reset_index(drop=True)
        labels[BLOCK] = self.settled.division.blocks[rows]
        labels.to_parquet(path, index=False)

    def _same(self, path: Path, name: str, write: Callable[[Path], object]) -> None:
        """A file that is the same in many views is written once, and linked: pictures may take gigabytes.

        The data given is copied, never linked: nothing that a run does may reach it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        first = self.written.setdefault(name, path)
        if first == path:
            write(path)
        else:
            link(first, path)

    def _inputs(self, folder: Path, inputs: Table) -> None:
        write_table(inputs, folder / (self.settled.task.test or TEST_NAME))
        sample = self.settled.sample
        if sample is not None:
            write_table(sample_for(sample, self.settled.task.id, inputs), folder / sample.name)

    def _start(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / TASK_JSON).write_text(self.settled.task.model_dump_json(indent=2) + "\n", encoding="utf-8")
        given = self.settled.given
        name = given.description_file.name if given.description_file else "description.md"
        (folder / name).write_text(given.description, encoding="utf-8")
        for extra in self.settled.extras:
            self._same(folder / extra, extra.as_posix(), partial(shutil.copyfile, given.data / extra))


def sample_for(sample: Table, id_column: str, inputs: Table) -> Table:
    """A sample submission for exactly the rows of `inputs`: its first row's values, whatever those were."""
    ids = inputs.rows[id_column].reset_index(drop=True)
    if sample.format.kind == "text":
        ids = pd.Series(id_texts(inputs, id_column))
    first = sample.rows.iloc[np.zeros(len(ids), dtype=int)].reset_index(drop=True)
    return Table(sample.name, first.assign(**{id_column: ids}), sample.format)


def link(source: Path, target: Path) -> None:
    """A hard link where the disk allows one, else a copy; never a symlink, which a mount would break."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
