"""PLAN.md as the designer writes it and the coder reads it, and the files that the playbook leaves for itself."""

from typing import Any

import yaml
from pydantic import Field, ValidationError

from activities.workspace.yamls import NotYaml, read_yaml
from schemas.base import Record
from schemas.tool import KnowledgeEntry

PLAN = "PLAN.md"
CONFIG = "config.yaml"
TRIALS = "trials.yaml"


class Plan(Record):
    """The front matter. `version` counts the designs of a candidate; `config` lies over the recipe's defaults."""

    approach: str
    family: str
    recipe: str
    version: int = 1
    parents: tuple[str, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)


class Trials(Record):
    """trials.yaml: what the coder leaves for the tuner, out of the catalogue."""

    recipe: str
    version: int = 1
    trials: tuple[dict[str, Any], ...] = ()


NOTE = "note"  # a trial's words for people; every other key is one of the config


def change_of(trial: dict[str, Any]) -> dict[str, Any]:
    """What a trial changes in the config."""
    return {key: value for key, value in trial.items() if key != NOTE}


def write(plan: Plan, essay: str) -> str:
    """PLAN.md: front matter, then prose."""
    matter = plan.model_dump(mode="json")
    front = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    return f"---\n{front}---\n\n{essay}"


def read(text: str) -> Plan | None:
    """The front matter of a PLAN.md; None if it has none that names a recipe."""
    start, _, rest = text.lstrip().partition("---\n")
    if start.strip() or "\n---" not in rest:
        return None
    try:
        matter = read_yaml(rest.split("\n---", 1)[0])
        return Plan.model_validate({"family": "", **matter}) if isinstance(matter, dict) else None
    except (NotYaml, ValidationError):
        return None


def trials_text(entry: KnowledgeEntry, plan: Plan) -> str:
    """trials.yaml."""
    trials = Trials(recipe=entry.name, version=plan.version, trials=entry.trials)
    matter = trials.model_dump(mode="json")
    said = "# Changes of config.yaml that are worth trying, the best first; from the recipe.\n"
    return said + yaml.safe_dump(matter, sort_keys=False, allow_unicode=True, default_flow_style=None)


def read_trials(text: str) -> Trials | None:
    """What a trials.yaml lists; None where it is none."""
    try:
        return Trials.model_validate(read_yaml(text))
    except (NotYaml, ValidationError):
        return None
