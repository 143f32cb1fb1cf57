"""Which file of the data folder is which: labelled rows, rows to predict, sample submission, and what else there is."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from activities.errors import BadInput
from activities.workspace.tables import Table, is_table, read_table, stem
from activities.workspace.taskfile import DESCRIPTIONS, SCRIPTS, TASK_FILE, Given, files_below
from schemas.task import SplitFile


@dataclass(frozen=True)
class Files:
    """The tables by their part in the task; `extras` are further files of the data folder, relative to it."""

    train: Table
    test: Table | None
    sample: Table | None
    select: Table | None = None
    report: Table | None = None
    extras: tuple[Path, ...] = ()
    why: dict[str, str] = field(default_factory=dict)


def find_files(given: Given) -> Files:
    """Reads the named tables, and finds those not named by their file names."""
    tables = {path.name: path for path in sorted(given.data.iterdir()) if path.is_file() and is_table(path)}
    split = given.file.split or SplitFile()
    select, report = _split_file(given, split, "select_file"), _split_file(given, split, "report_file")
    for path in (select, report):
        tables.pop(path.name if path else "", None)
    why: dict[str, str] = {}
    sample = _named(given, "sample_submission") or _guess(tables, _is_sample, "sample_submission", why)
    tables.pop(sample.name if sample else "", None)
    test = _named(given, "test") or _guess(tables, _is_test, "test", why)
    tables.pop(test.name if test else "", None)
    train = _named(given, "train") or _guess(tables, _is_train, "train", why) or _only(given, tables, why)
    used = [path for path in (train, test, sample, select, report) if path is not None]
    return Files(
        train=read_table(train),
        test=read_table(test) if test else None,
        sample=read_table(sample) if sample else None,
        select=read_table(select) if select else None,
        report=read_table(report) if report else None,
        extras=_extras(given, used),
        why=why,
    )


def _named(given: Given, key: str) -> Path | None:
    name: str | None = getattr(given.file, key)
    return None if name is None else _existing(given, name, key)


def _split_file(given: Given, split: SplitFile, key: str) -> Path | None:
    name: str | None = getattr(split, key)
    return None if name is None else _existing(given, name, f"split.{key}")


def _existing(given: Given, name: str, key: str) -> Path:
    for base in (given.data, given.folder):
        if (base / name).is_file():
            return base / name
    there = ", ".join(sorted(path.name for path in given.data.iterdir() if path.is_file())[:10]) or "nothing"
    raise BadInput(f"{TASK_FILE}: key `{key}` names {name}, which is not in {given.data} (there is {there})")


def _guess(tables: dict[str, Path], fits: Callable[[str], bool], key: str, why: dict[str, str]) -> Path | None:
    found = [path for path in tables.values() if fits(stem(path))]
    if not found:
        return None
    if len(found) > 1:
        exact = [path for path in found if stem(path) in (key, key.replace("_", ""))]
        if len(exact) != 1:
            names = ", ".join(path.name for path in found)
            raise BadInput(f"{names}: each could be the {key.replace('_', ' ')} file: name one with the key `{key}`")
        found = exact
    why[key] = f"{found[0].name}, by its name"
    return found[0]


def _only(given: Given, tables: dict[str, Path], why: dict[str, str]) -> Path:
    if len(tables) == 1:
        path = next(iter(tables.values()))
        why["train"] = f"{path.name}, the only other table"
        return path
    if not tables:
        raise BadInput(
            f"{given.data}: no table with labelled rows (.csv, .tsv, .parquet, or .gz of them): put one there, such as "
            "train.csv, or name it with the key `train`"
        )
    raise BadInput(f"{given.data}: which of {', '.join(tables)} holds the labelled rows? Name it with the key `train`")


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name))


def _is_sample(name: str) -> bool:
    return "submission" in name or {"sample", "sub"} <= _words(name) or "samplesub" in name


def _is_test(name: str) -> bool:
    return bool(_words(name) & {"test", "testing"}) or name.startswith("test")


def _is_train(name: str) -> bool:
    return bool(_words(name) & {"train", "training"}) or name.startswith("train")


def _extras(given: Given, used: list[Path]) -> tuple[Path, ...]:
    """Files that belong to the data and are no part of the above, nor of a task whose data lies beside it."""
    taken = {path.resolve() for path in used}
    taken |= {(given.data / name).resolve() for name in (*SCRIPTS, TASK_FILE)}
    said = [given.data / name for name in DESCRIPTIONS if (given.data / name).is_file()]
    taken |= {path.resolve() for path in said if path.read_bytes().decode("utf-8-sig", "replace") == given.description}
    found = (path for path in files_below(given.data) if path.resolve() not in taken)
    return tuple(path.relative_to(given.data) for path in found)
