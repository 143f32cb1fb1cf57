"""A made-up run of language models, small, with everything that they can cost: ledger, journals and purse agree."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from activities.agent.booking import Closed, Reserved
from activities.agent.records import Asking, JournalRecord, Opened, Part, Replied, Unanswered, spent
from activities.models.prices import dollars
from activities.workspace.layout import Layout
from schemas.budget import Spend, Usage
from schemas.decision import Code, Design, Finish
from schemas.event import FallbackUsed, InvocationReported, ManagerDecided, RunEnded
from schemas.message import Message, Reply, Search, TextBlock
from schemas.role import CodeReport, DesignReport, ModelChoice, Role
from schemas.run import RunSettings
from tests.report.cast import Cast
from tests.report.made import BEGUN, Made, begun, prepared

OPUS = ModelChoice(name="claude-opus-5-5", effort="high", fallback="claude-opus-5")
HAIKU = ModelChoice(
    name="claude-haiku-5-5",
    fallback="claude-opus-5-5",
    routed="a small revision of code that passed",
    instead_of="claude-opus-5-5",
)
SETTINGS = RunSettings(
    model="claude-opus-5-5", effort="high", fallback="claude-opus-5", routing=True, cheap_model="claude-haiku-5-5"
)
FIRST = Usage(input_tokens=12, cache_write_5m_tokens=20_000, output_tokens=1_500)
LATER = Usage(input_tokens=9, cache_write_5m_tokens=1_000, cache_read_tokens=20_000, output_tokens=900)
PATIENT = Usage(input_tokens=9, cache_write_1h_tokens=2_000, cache_read_tokens=41_000, output_tokens=400)
SEARCHED = LATER + Usage(web_searches=2)
FOUND = (
    Search(
        query="graph networks or boosted trees on small molecules",
        urls=("https://example.org/a-benchmark", "https://example.com/descriptors?set=2&kind=<b>"),
    ),
    Search(query="solubility outliers"),
)


@dataclass
class Journal:
    """What an invocation's journal holds, call by call."""

    made: Made
    name: str
    at: float
    model: str = "claude-opus-5-5"
    records: list[JournalRecord] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        opening = Message(role="user", content=(TextBlock(text="Go on."),))
        self.records.append(Opened(at=BEGUN + timedelta(seconds=self.at), attempt=1, opening=opening))

    def asks(self, model: str = "") -> None:
        self.turns += 1
        self.at += 3
        moment = BEGUN + timedelta(seconds=self.at)
        self.records.append(Asking(at=moment, turn=self.turns, model=model or self.model))

    def answered(self, usage: Usage, *, model: str = "", instead: str = "", part: Part = "said") -> None:
        self.asks(model)
        asked = model or self.model
        reply = Reply(
            model=asked,
            content=(TextBlock(text="Done."),),
            stop_reason="end_turn",
            usage=usage,
            dollars=dollars(asked, usage),
        )
        self.records.append(Replied(turn=self.turns, reply=reply, seconds=2.5, asked=asked, instead=instead, part=part))

    def unanswered(self, error: str, tries: int) -> None:
        self.asks()
        self.turns -= 1
        self.records.append(Unanswered(turn=self.turns + 1, error=error, tries=tries))

    def kept(self) -> Spend:
        """Writes the journal, and says what it comes to."""
        path = self.made.layout.journal(self.name, 1)
        path.parent.mkdir(parents=True)
        path.write_text("".join(record.model_dump_json() + "\n" for record in self.records))
        return spent(self.records)


def spoken(folder: Path, *, settings: RunSettings = SETTINGS, priced: bool = True) -> Layout:
    """Two turns of a manager, a design that searched, code of a fallback and routed code, a call that was lost."""
    made = begun(folder, settings=settings)
    prepared(made)
    cast = Cast(made, OPUS)
    model = "claude-opus-5-5" if priced else "claude-unheard-of"
    turn(made, 1, 10, model, Design(candidate=1, brief="Trees."))
    design(cast, model)
    turn(made, 2, 60, model, Code(candidate=1, brief="As designed."))
    code(cast)
    turn(made, 3, 160, model, Finish(why="The money is nearly spent."))
    made.tell(170, RunEnded(phase="STOPPED", why="Enough."))
    layout = made.save()
    lines = [
        Reserved(call="coder.1.2.a1.t3.1", dollars=0.5, tokens=60_000),
        Closed(invocation="coder.1.2"),
    ]
    layout.purse.write_text("".join(line.model_dump_json() + "\n" for line in lines))
    return layout


def turn(made: Made, number: int, at: float, model: str, decision: Design | Code | Finish) -> None:
    journal = Journal(made, f"manager.{number}", at - 5, model)
    journal.answered(FIRST if number == 1 else LATER)
    choice = OPUS.model_copy(update={"name": model})
    made.tell(
        at,
        ManagerDecided(
            turn=number, invocation=journal.name, decisions=(decision,), answers=(f"use{number}",),
            spend=journal.kept(), model=choice,
        ),
    )  # fmt: skip


def design(cast: Cast, model: str) -> None:
    cast.model = OPUS.model_copy(update={"name": model})
    cast.start(11, "designer.1.1", Role.DESIGNER, 1)
    journal = Journal(cast.made, "designer.1.1", 11, model)
    journal.answered(FIRST)
    journal.answered(SEARCHED)
    journal.answered(PATIENT, part="summary")
    report = DesignReport(
        invocation="designer.1.1", candidate=1, revision="d" * 40, approach="LightGBM on fragments",
        family="boosted trees", spend=journal.kept(), turns=3, searches=FOUND,
    )  # fmt: skip
    cast.made.tell(58, InvocationReported(invocation="designer.1.1", report=report))


def code(cast: Cast) -> None:
    """First by the fallback, with one call lost; then a small revision, by the cheaper model."""
    made, cast.model = cast.made, OPUS
    cast.start(61, "coder.1.2", Role.CODER, 1)
    journal = Journal(made, "coder.1.2", 61)
    journal.unanswered("the Claude API: overloaded (529)", 4)
    journal.answered(FIRST, model="claude-opus-5", instead="the Claude API: overloaded (529)")
    journal.answered(LATER)
    journal.asks()
    report = CodeReport(invocation="coder.1.2", candidate=1, revision="c" * 40, spend=journal.kept(), turns=2)
    made.tell(110, InvocationReported(invocation="coder.1.2", report=report))
    made.tell(
        110.1,
        FallbackUsed(
            invocation="coder.1.2", role=Role.CODER, chosen="claude-opus-5-5", used="claude-opus-5", calls=1,
            why="the Claude API: overloaded (529)",
        ),
    )  # fmt: skip
    cast.model = HAIKU
    cast.start(111, "coder.1.3", Role.CODER, 1)
    journal = Journal(made, "coder.1.3", 111, "claude-haiku-5-5")
    journal.answered(FIRST)
    journal.answered(LATER)
    report = CodeReport(invocation="coder.1.3", candidate=1, revision="e" * 40, spend=journal.kept(), turns=2)
    made.tell(150, InvocationReported(invocation="coder.1.3", report=report))
