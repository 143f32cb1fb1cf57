"""The run's record inside its workflow: every event goes through here, into ledger, state and what people see."""

from temporalio import workflow

from schemas.event import Event, FallbackUsed, LedgerEntry, RunStarted
from schemas.role import FellBack, ModelChoice, Role
from schemas.state import Answer, Carried, RunState
from workflows import fold, ledger
from workflows.searched import Searched


class Record:
    """State, and the ledger's entries of this execution. Nothing changes the state but `add`."""

    def __init__(self, first: RunStarted | Carried) -> None:
        self.entries: list[LedgerEntry] = []
        self.inbox: list[Event] = []  # what the manager has not been told yet
        self.answers: list[Answer] = []
        self.searched = Searched()
        if isinstance(first, Carried):
            self.state: RunState = first.state
            self.inbox.extend(first.inbox)
            self.answers.extend(first.answers)
        else:
            start = ledger.entry(first, seq=1, at=workflow.now(), previous=ledger.GENESIS)
            self.entries.append(start)
            self.state = fold.begin(start)

    def add(self, event: Event, *, tell: bool = False) -> None:
        """Appends an event; with `tell`, the manager hears of it at its next turn."""
        entry = ledger.entry(event, seq=self.state.seq + 1, at=workflow.now(), previous=self.state.head)
        self.entries.append(entry)
        before, self.state = self.state, fold.apply(self.state, entry)
        if tell:
            self.inbox.append(event)
        self.searched.show(before, self.state)

    def fell_back(self, invocation: str, role: Role, chosen: ModelChoice, used: tuple[FellBack, ...]) -> None:
        """An event for each model that answered in the stead of the chosen one."""
        for one in used:
            self.add(
                FallbackUsed(
                    invocation=invocation,
                    role=role,
                    chosen=chosen.name,
                    used=one.model,
                    calls=one.calls,
                    why=one.why,
                )
            )

    def carried(self) -> Carried:
        return Carried(state=self.state, inbox=tuple(self.inbox), answers=tuple(self.answers))

    async def unpaused(self) -> None:
        """Returns at once, or when a person resumes or stops the run."""
        if self.state.paused and not self.state.stop:
            await workflow.wait_condition(lambda: not self.state.paused or self.state.stop is not None)
