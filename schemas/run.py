"""What a run is started with."""

from typing import Literal

from pydantic import Field

from schemas.base import Record, RunRef
from schemas.budget import Budget
from schemas.message import Effort
from schemas.role import ModelChoice, Role

SandboxChoice = Literal["auto", "bubblewrap", "container", "none"]


class RunSettings(Record):
    """Every setting of a run, as `--set key=value` names it; the command line refuses names that are not here.

    History holds it, so a setting that newer code has dropped is passed over.
    """

    model: str = Field("playbook", description="the model of every role that has none of its own")
    effort: Effort | None = Field(None, description="how much a model thinks: low, medium, high, xhigh or max")
    models: dict[Role, str] = Field(default_factory=dict, description="a model per role: --set models.tuner=NAME")
    efforts: dict[Role, Effort] = Field(default_factory=dict, description="an effort per role: --set efforts.coder=max")
    fallback: str | None = Field(None, description="the model that is asked while a role's own is not to be had")
    fallbacks: dict[Role, str] = Field(default_factory=dict, description="a fallback per role")
    routing: bool = Field(False, description="give routine invocations the model `cheap_model`")
    cheap_model: str = "claude-haiku-5-5"
    cheap_effort: Effort | None = None
    web: bool = Field(True, description="whether a language model may search the web")
    record: bool = Field(False, description="keep every exchange with a model whole")
    replay: str | None = Field(None, description="the folder of a recorded run, whose exchanges answer")
    context_tokens: int = Field(120_000, ge=8_000, description="of a conversation, before older parts are cleared")
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

    def model_for(self, role: Role) -> ModelChoice:
        """The role's own model, effort and fallback; a language model alone has the latter two."""
        name = self.models.get(role, self.model)
        if name == "playbook":
            return ModelChoice(name=name)
        fallback = self.fallbacks.get(role, self.fallback)
        return ModelChoice(
            name=name, effort=self.efforts.get(role, self.effort), fallback=fallback if fallback != name else None
        )


class RunSpec(Record):
    """The workflow's input. The task itself is read and settled by preparation, from the run's folder."""

    run: RunRef
    name: str
    settings: RunSettings
    budget: Budget
    epoch: int = 0
    search_attributes: bool = True  # false where they cannot be registered: their content goes to the memo

    def model_for(self, role: Role) -> ModelChoice:
        return self.settings.model_for(role)
