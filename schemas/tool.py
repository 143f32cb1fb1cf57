"""What agents' tools take and give: arguments as models write them, results as JSON they read.

A tool's name is the key in the comment above its arguments; `read_file` alone gives plain text.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.base import Input, Record, Short, Text
from schemas.metric import Score
from schemas.role import Weights


def _none(value: object) -> bool:
    return value is None


class Left(Record):
    """What is left at a result: seconds of the invocation, and money of the run where that is capped."""

    seconds_left: float | None = None
    dollars_left: float | None = Field(None, exclude_if=_none)  # told as null it would read as none
    tokens_left: int | None = Field(None, exclude_if=_none)


# --- files -------------------------------------------------------------------------------------------------------


class ListFiles(Input):  # list_files
    path: str = Field(".", description="a folder, or a file; `data` is the data view")


class FileEntry(Record):
    path: str
    size: int


class FileList(Record):
    files: tuple[FileEntry, ...]
    left_out: int = 0


class ReadFile(Input):  # read_file
    path: str
    offset: int = Field(0, ge=0, description="first line, from 0")
    lines: int = Field(400, ge=1, le=2_000, description="how many")


class WriteFile(Input):  # write_file
    path: str
    text: str = Field(description="all of it")


class EditFile(Input):  # edit_file
    path: str
    old: str = Field(description="must occur exactly once")
    new: str = Field(description="what takes its place; may be empty")


class WriteConfig(Input):  # write_config: the tuner's only way to change its repository
    text: str = Field(description="the whole new config.yaml")


class Written(Record):
    path: str
    size: int


class ViewImage(Input):  # view_image
    path: str = Field(description="a PNG or JPEG file")


class Viewed(Record):
    """Said beside the picture."""

    path: str
    width: int
    height: int
    size: int


class Image(Record):
    """A picture that a tool shows beside its text. `data` is base64, as the Messages API takes it."""

    media_type: str  # such as image/png
    data: str


# --- knowledge ---------------------------------------------------------------------------------------------------


class ProfileData(Input):  # profile_data -> schemas.profile.DataProfile
    pass


class Retrieve(Input):  # retrieve
    query: str = Field("", description="words; or give a name")
    name: str = Field("", description="an entry's exact name, to get its files")


class KnowledgeEntry(Record):
    """A recipe (complete training code) or a strategy (advice). `files` only when asked for by name."""

    name: str
    kind: Literal["recipe", "strategy"]
    family: str = ""
    summary: str
    fits: bool = True  # whether the data's profile allows it
    rank: int = 0  # among those that fit, 1 is to be tried first
    why: str = ""
    files: dict[str, str] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)  # default hyperparameters, for this data
    trials: tuple[dict[str, Any], ...] = ()  # config changes worth trying, the best first
    cost: float = 1.0  # rough training time against the cheapest


class Retrieved(Record):
    entries: tuple[KnowledgeEntry, ...]


# --- execution ---------------------------------------------------------------------------------------------------


class Run(Input):  # run
    argv: list[str] = Field(
        min_length=1, description="program and arguments, such as ['python', 'train.py', '--quick', ...]; no shell"
    )
    minutes: float = Field(2.0, gt=0, le=60, description="of wall time at most")


class Ran(Left):
    job: str
    phase: str
    seconds: float
    problem: str | None = None
    log: str = ""  # bounded, its end kept


class Check(Input):  # check: what the final verification does, on a sample
    pass


class Checked(Left):
    job: str
    passed: bool
    seconds: float
    problem: str | None = None
    findings: tuple[str, ...] = ()
    log: str = ""


class Train(Input):  # train: the repository as it stands, predictions and score included
    minutes: float = Field(gt=0, description="of training at most, all folds together")
    quick: bool = Field(False, description="an early signal only: a sample of the data, or one fold")
    note: Short = Field("", description="what was changed, and why")
    devices: int = Field(1, ge=1, le=64, description="to lease; torchrun starts train.py on each of several GPUs")
    gpu_memory_mb: int | None = Field(None, ge=256, description="all it needs of a GPU, to share it with others")


class Curve(Record):
    """One named series of metrics.jsonl."""

    name: str
    first: float
    last: float
    best: float
    best_step: float
    steps: int


class Trained(Left):
    job: str
    phase: str
    revision: str
    seconds: float
    score: Score | None = None
    problem: str | None = None
    curves: tuple[Curve, ...] = ()
    log: str = ""


class InspectEnvironment(Input):  # inspect_environment
    pass


class JobFacts(Record):
    """What one job gets of the machine; as many may run at once as there are devices."""

    cores: int
    memory_mb: int
    temporary_mb: int  # of /tmp, which lies in memory
    disk_mb: int  # that it may write
    processes: int
    network: bool


class EnvironmentFacts(Record):
    """The machine as a whole, and what one job gets of it."""

    python: str
    packages: dict[str, str]
    cores: int
    memory_mb: int
    devices: tuple[str, ...]
    gpus: tuple[str, ...] = ()
    disk_free_mb: int
    sandbox: str
    job: JobFacts | None = None
    conda: str = ""  # the user's conda, where there is one
    weights: tuple[str, ...] = ()  # pretrained ones of this run, where jobs see them
    weights_at_hand: tuple[str, ...] = ()  # fetched for any run before: these need no download


class Install(Input):  # install
    packages: list[str] = Field(min_length=1, description="requirement specifiers")
    manager: Literal["uv", "conda"] = Field(
        "uv", description="uv takes wheels; conda, where inspect_environment names one, what has no wheel"
    )
    channel: str = Field("", description="for conda: one of the user's own channels; all of them if left out")


class Installed(Left):
    environment: str
    packages: tuple[str, ...] = ()
    problem: str | None = None


class FetchWeights(Input):  # fetch_weights
    name: str = Field(description="the model's name on the hub, such as org/model")
    revision: str = Field("", description="branch, tag or commit; the main branch if left out")
    files: list[str] = Field(
        default_factory=list,
        description="patterns such as *.safetensors; left out: all but the same weights in other formats",
    )


class Fetched(Record):
    """Pretrained weights as jobs see them, below `path`; the same lies beside them, as PATH.json."""

    weights: Weights
    path: str
    license: str = ""  # as the model's card says; empty where it does not
    files: tuple[FileEntry, ...] = ()
    note: str = ""


# --- aggregation -------------------------------------------------------------------------------------------------


class MemberChoice(Input):
    candidate: int
    job: str = Field(description="a full training of this candidate that has a score")
    weight: float = Field(1.0, ge=0, description="its share, against the sum of all")


Cut = Annotated[float, Field(gt=0, lt=1)]  # probability of the second class, from which on it is the label


class Evaluate(Input):  # evaluate: the scorer's word on a choice or a blend
    members: list[MemberChoice] = Field(min_length=1)
    method: Literal["single", "mean", "rank", "vote"] = "mean"
    threshold: Cut | Literal["tune"] | None = Field(
        None, description="two classes and method mean only: a number, or `tune` for the best one on these rows"
    )


class Evaluated(Left):
    score: Score
    agreement: tuple[tuple[float, ...], ...] = ()  # members' correlation, or share of equal labels
    threshold: float | None = Field(None, exclude_if=_none)  # that the score holds for


# --- ends of an invocation ---------------------------------------------------------------------------------------


class ReportSetup(Input):  # report_setup
    summary: Text


class ReportDesign(Input):  # report_design, after PLAN.md was written
    approach: Short
    family: Short
    weights: list[Short] = Field(default_factory=list, description="as PLAN.md's front matter names them: org/model")
    packages: list[Short] = Field(default_factory=list, description="as PLAN.md's front matter names them")
    summary: Text


class ReportCode(Input):  # report_code, after a check passed on the code as it is
    summary: Text


class ReportTune(Input):  # report_tune
    best: str | None = Field(None, description="the job whose training is the best")
    summary: Text


class ReportAggregate(Input):  # report_aggregate
    members: list[MemberChoice] = Field(min_length=1)
    method: Literal["single", "mean", "rank", "vote"]
    threshold: Cut | None = Field(None, description="where evaluate gave the score for one")
    summary: Text


class GiveUp(Input):  # give_up: it cannot be done, and trying again would fail the same way
    why: Text
