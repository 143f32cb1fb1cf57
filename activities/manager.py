"""The manager's turn: one conversation for the run, to which each activity adds what happened and what is decided."""

from collections.abc import Sequence

from activities.agent import prompting
from activities.agent.journal import FileJournal, opening
from activities.agent.journaled import Journaled
from activities.agent.limits import LimitReached, Limits
from activities.agent.live import Live
from activities.agent.loop import converse
from activities.agent.purse import SpentUp, true_now
from activities.agent.records import Ended, JournalRecord, Replied, Result, fell_back, spent
from activities.assignment import Equipment
from activities.models.recorded import RecordEnds
from activities.past import Past, Pasts
from activities.tools.base import Toolbox
from activities.tools.deciding import DECISIONS, decision_tools
from activities.tools.files import Reading
from activities.tools.trees import board_tree
from activities.workspace.layout import Layout
from schemas.decision import Finish
from schemas.message import Message
from schemas.state import Managed, ManageRequest

LONGEST_THOUGHT = 8_000
RECORD_ENDS = "the manager of the recorded run decided no more"


async def take_turn(request: ManageRequest, equipment: Equipment, pasts: Pasts | None = None) -> Managed:
    """What the manager wants now; at a limit it wants nothing. Raises Impossible if its model cannot go on.

    `pasts` keeps what earlier turns said, so that they are not read anew.
    """
    layout = Layout.of(request.run)
    past = Past() if request.aside else await (pasts or Pasts()).before(layout, request.turn)
    rendered = prompting.system(request)
    limits = Limits(deadline=request.deadline, max_turns=request.max_turns, held=layout.held, room=equipment.room)
    journal = await FileJournal.open(
        layout.journals(request.invocation),
        request.attempt,
        _opening(request, past, equipment),
        now=limits.now,
        prompts=prompting.digest(rendered),
    )
    try:
        agent = Journaled(_live(request, equipment, limits, rendered), journal, past.known)
        try:
            await converse(agent, [*past.messages, opening(journal.records)], silence_ends=True)
            managed = _decided(request, journal.records)
        except LimitReached as end:
            spent_up = end.limit if isinstance(end, SpentUp) else None
            managed = Managed(invocation=request.invocation, thought=str(end), limit=spent_up)
        except RecordEnds as end:  # what it decided is done: what is trained is delivered, as it was then
            managed = Managed(invocation=request.invocation, thought=str(end), decisions=(Finish(why=RECORD_ENDS),))
        records = journal.records
        managed = managed.model_copy(update={"spend": spent(records), "fell_back": fell_back(records)})
        await journal.append(Ended(at=limits.now(), managed=managed))
    finally:
        journal.close()
        if equipment.purse is not None:
            equipment.purse.close(request.invocation, request.attempt)
    return managed


def _opening(request: ManageRequest, past: Past, equipment: Equipment) -> Message:
    """What this turn is told: what became of what was decided, and the board, with what the purse says is left."""
    if equipment.purse is not None:
        board = true_now(request.board, equipment.purse.left())
        request = request.model_copy(update={"board": board})
    return prompting.turn(request, past.pending, past.answers)


def _live(request: ManageRequest, equipment: Equipment, limits: Limits, system: str) -> Live:
    layout = Layout.of(request.run)
    revisions = {one.number: one.revision for one in request.board.candidates if one.revision is not None}
    reading = Reading(board_tree(layout, equipment.jobs, revisions))

    async def no_tree() -> None:
        return None

    return Live(
        invocation=request.invocation,
        attempt=request.attempt,
        minds=equipment.minds(request.model),
        effort=request.model.effort,
        cache="1h",  # turns lie far apart
        context_tokens=request.context_tokens,
        purse=equipment.purse,
        outages=equipment.outages,
        backoff=equipment.backoff,
        system=system,
        toolbox=Toolbox((*decision_tools(), *reading.tools())),
        limits=limits,
        doing=equipment.doing,
        snapshot=no_tree,
    )


def _decided(request: ManageRequest, records: Sequence[JournalRecord]) -> Managed:
    """The decisions of the last reply, in their order; one whose arguments were wrong is none."""
    said = (record.reply for record in reversed(records) if isinstance(record, Replied) and record.part == "said")
    reply = next(said)
    last = len(reply.tool_uses)
    results = sorted((record for record in records if isinstance(record, Result)), key=lambda result: result.number)
    valid = {result.tool_use for result in results[-last:] if result.ends} if last else set()
    uses = [use for use in reply.tool_uses if use.id in valid]
    return Managed(
        invocation=request.invocation,
        decisions=tuple(DECISIONS[use.name].model_validate(use.input) for use in uses),
        tool_uses=tuple(use.id for use in uses),
        thought=reply.text[:LONGEST_THOUGHT],
    )
