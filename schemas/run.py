"""What a run is started with."""

from typing import Literal

from pydantic import Field

from schemas.base import Record, RunRef
from schemas.budget import Budget
from schemas.role import ModelChoice, Role

SandboxChoice = Literal["auto", "bubblewrap", "container", "none"]


class RunSettings(Record):
    """Every setting of a run, as `--set key=value` names it; the command line refuses names that are not here.

    History holds it, so a setting that newer code has dropped is passed over.
    """

    model: str = Field("playbook", description="the model of every role that has none of its own")
    effort: str | None = None
    models: dict[Role, str] = Field(default_factory=dict, description="a model per role: --set models.tuner=NAME")
    policy: Literal["agent", "greedy"] = "agent"
    candidates: int = Field(3, ge=1, le=64)
    parallel: int = Field(0, ge=0, description="invocations at once; 0 settles it by candidates")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of splits and of all chance")
    sandbox: SandboxChoice = "auto"
    refit: bool = Field(True, description="train the winner on all labelled rows before delivery")
    attempts: int = Field(3, ge=1, le=20, description="attempts of an invocation that fails by the platform")
    reserve: float | None = Field(None, ge=0.02, le=0.8, description="share of the time kept for aggregation and refit")
    max_turns: int = Field(80, ge=2, description="model calls of one invocation")
    history_events: int = Field(4_096, ge=50, description="go on in a new execution at a quiet moment after so many")
    history_drain: int = Field(20_000, ge=100, description="and by draining what is in flight after so many")


class RunSpec(Record):
    """The workflow's input. The task itself is read and settled by preparation, from the run's folder."""

    run: RunRef
    name: str
    settings: RunSettings
    budget: Budget
    epoch: int = 0
    search_attributes: bool = True  # false where they cannot be registered: their content goes to the memo

    def model_for(self, role: Role) -> ModelChoice:
        name = self.settings.models.get(role, self.settings.model)
        return ModelChoice.model_validate({"name": name, "effort": self.settings.effort})
