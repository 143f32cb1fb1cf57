"""A world for the playbook: it answers tool calls as the real tools do, with a clock and scores of its own."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml
from pydantic import BaseModel

from activities.models.playbook import Playbook
from schemas.base import RunRef
from schemas.candidate import Candidate, Trial
from schemas.message import Message, ModelRequest, Reply, TextBlock, ToolResultBlock, ToolUseBlock
from schemas.metric import Metric, Score
from schemas.profile import ColumnProfile, DataProfile, TargetProfile
from schemas.role import Request
from schemas.tool import (
    Checked,
    Curve,
    EnvironmentFacts,
    Evaluated,
    FileEntry,
    FileList,
    KnowledgeEntry,
    Retrieved,
    Trained,
    Written,
)
from tests.regression import RMSE, regression

NOW = datetime(2026, 10, 1, tzinfo=UTC)
RUN = RunRef(id="run", folder="/runs/run")
TASK = regression("bikes", "count", rows=8_000, test_rows=2_000)
PROFILE = DataProfile(
    rows=8_000,
    test_rows=2_000,
    columns=(
        ColumnProfile(name="temp", kind="number", minimum=-5, maximum=40, unique=60),
        ColumnProfile(name="season", kind="category", unique=4, missing=0.1),
        ColumnProfile(name="note", kind="text", mean_length=40.0),
    ),
    targets=(TargetProfile(name="count", kind="number", minimum=0, maximum=900, skew=1.4),),
    notes=("`temp` is in degrees.",),
)
FACTS = EnvironmentFacts(
    python="3.12", packages={"numpy": "2.3"}, cores=2, memory_mb=8_000, devices=("cpu:0", "cpu:1"), disk_free_mb=50_000,
    sandbox="bubblewrap",
)  # fmt: skip

Curves = Callable[[dict[str, Any]], tuple[Curve, ...]]
Loss = Callable[[dict[str, Any]], float]


def score(value: float, half: float = 0.02, metric: Metric = RMSE) -> Score:
    return Score(metric=metric, value=value, low=value - half, high=value + half, rows=1_600)


def recipe(name: str, family: str, rank: int, **more: Any) -> KnowledgeEntry:
    config = {"learning_rate": 0.1, "rounds": 100, "seed": 0, "dates": True}
    trials = ({"learning_rate": 0.05, "note": "slower"}, {"learning_rate": 0.3, "note": "faster"})
    given = {"config": config, "trials": trials, "summary": f"{family} on tables. Simple.", "why": "strong here"} | more
    return KnowledgeEntry(name=name, kind="recipe", family=family, rank=rank, **given)


CATALOGUE = (
    recipe("boosted", "boosted trees", 1),
    recipe("linear", "linear", 2),
    recipe("forest", "extra trees", 3),
    KnowledgeEntry(name="blend", kind="recipe", family="blend", summary="joins models", fits=False),
    KnowledgeEntry(name="leakage", kind="strategy", family="advice", summary="beware"),
)


def candidate(
    number: int, value: float | None = None, *, half: float = 0.02, seconds: float = 10.0, **more: Any
) -> Candidate:
    """A candidate that was designed, coded and, with a value, trained."""
    best = None
    if value is not None:
        best = Trial(job=f"tuner.{number}.1.j1", revision="r1", score=score(value, half), seconds=seconds)
    facts: dict[str, Any] = {"approach": "a", "family": f"family {number}", "revision": "r1", "designs": 1, "codes": 1}
    facts |= {"best": best, "tunes": 1, "trials": 3, "status": "trained"} if best else {"status": "coded"}
    return Candidate(number=number, **(facts | more))


@dataclass
class World:
    """Files of one repository, a clock in seconds, and rules for what checks, trainings and blends come to."""

    files: dict[str, str] = field(default_factory=dict)
    catalogue: tuple[KnowledgeEntry, ...] = CATALOGUE
    profile: DataProfile = PROFILE
    loss: Loss = lambda config: 0.5
    seconds: Loss = lambda config: 10.0
    curves: Curves = lambda config: ()
    overhead: float = 4.0
    check: Callable[[dict[str, Any]], str | None] = lambda config: None
    blend: Callable[[Mapping[int, float]], float] = lambda weights: 0.5
    limit: float | None = None  # of the invocation: trainings are told how much of it is left
    tells_time: bool = False
    clock: float = 0.0
    calls: list[ToolUseBlock] = field(default_factory=list)
    trained: list[tuple[dict[str, Any], Trained]] = field(default_factory=list)
    ended: ToolUseBlock | None = None

    def act(self, call: ToolUseBlock) -> ToolResultBlock:
        self.calls.append(call)
        if call.name.startswith("report_") or call.name == "give_up":
            self.ended = call
            return ToolResultBlock(tool_use_id=call.id, content="reported")
        told = getattr(self, f"_{call.name}")(call.input)
        if isinstance(told, BaseModel):
            return ToolResultBlock(tool_use_id=call.id, content=told.model_dump_json())
        return ToolResultBlock(tool_use_id=call.id, content=told or "there is no such file", is_error=told is None)

    def config(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.files["config.yaml"]))

    def used(self, name: str) -> list[dict[str, Any]]:
        return [call.input for call in self.calls if call.name == name]

    def _inspect_environment(self, _: dict[str, Any]) -> EnvironmentFacts:
        return FACTS

    def _profile_data(self, _: dict[str, Any]) -> DataProfile:
        return self.profile

    def _retrieve(self, given: dict[str, Any]) -> Retrieved:
        name = given.get("name", "")
        files = {"train.py": "print()", "inference.py": "print()", "config.yaml": "a: 1"}
        found = [entry for entry in self.catalogue if name in ("", entry.name)]
        return Retrieved(entries=tuple(e.model_copy(update={"files": files}) if name else e for e in found))

    def _list_files(self, given: dict[str, Any]) -> FileList:
        paths = [path for path in sorted(self.files) if path.startswith(given.get("path", ""))]
        return FileList(files=tuple(FileEntry(path=path, size=1) for path in paths))

    def _read_file(self, given: dict[str, Any]) -> str | None:
        return self.files.get(given["path"])

    def _write_file(self, given: dict[str, Any]) -> Written:
        self.files[given["path"]] = given["text"]
        return Written(path=given["path"], size=1)

    def _write_config(self, given: dict[str, Any]) -> Written:
        return self._write_file({"path": "config.yaml", **given})

    def _check(self, _: dict[str, Any]) -> Checked:
        problem = self.check(self.config())
        return Checked(job="check.1", passed=problem is None, seconds=3.0, problem=problem)

    def _train(self, given: dict[str, Any]) -> Trained:
        config, quick = self.config(), bool(given.get("quick"))
        needed = self.seconds(config) * (0.1 if quick else 1.0)
        taken = min(needed, given["minutes"] * 60)
        self.clock += taken + self.overhead
        whole = needed <= given["minutes"] * 60
        job = f"tuner.1.9.j{len(self.trained) + 1}"
        trained = Trained(
            job=job,
            phase="done" if whole else "failed",
            revision="r2",
            seconds=taken,
            score=score(self.loss(config)) if whole else None,
            problem=None if whole else "its time was over",
            curves=self.curves(config),
            seconds_left=self.limit - self.clock if self.tells_time and self.limit is not None else None,
        )
        self.trained.append((config, trained))
        self.files[f"results/{job}/config.yaml"] = self.files["config.yaml"]
        return trained

    def _evaluate(self, given: dict[str, Any]) -> Evaluated:
        self.clock += 3.0
        weights = {member["candidate"]: member.get("weight", 1.0) for member in given["members"]}
        square = tuple(tuple(1.0 if i == j else 0.9 for j in weights) for i in weights)
        return Evaluated(score=score(self.blend(weights)), agreement=square)


def opening(request: BaseModel, prose: str = "Do your best.") -> tuple[Message, ...]:
    said = json.dumps({"request": request.model_dump(mode="json")})
    return (Message(role="user", content=(TextBlock(text=said), TextBlock(text=prose))),)


async def play(world: World, request: Request, *, most: int = 80) -> tuple[Message, ...]:
    """The conversation, from the request to the report."""
    messages = opening(request)
    for _ in range(most):
        reply = await ask(messages)
        results = tuple(world.act(call) for call in reply.tool_uses)
        messages += (Message(role="assistant", content=reply.content), Message(role="user", content=results))
        if world.ended is not None:
            return messages
    raise AssertionError(f"no report within {most} replies; the last said: {reply.text}")


async def ask(messages: tuple[Message, ...]) -> Reply:
    return await Playbook().ask(ModelRequest(model="playbook", system="any", messages=messages))


def common(role: str, **more: Any) -> dict[str, Any]:
    return {"run": RUN, "invocation": f"{role}.1", "task": TASK, "deadline": NOW} | more
