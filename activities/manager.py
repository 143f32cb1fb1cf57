"""The manager's turn: one conversation for the run, to which each activity adds what happened and what is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.agent import prompting
from activities.agent.journal import FileJournal, ended, opening, read
from activities.agent.journaled import Journaled, Recalled
from activities.agent.limits import LimitReached, Limits
from activities.agent.live import Live
from activities.agent.loop import converse
from activities.agent.records import Ended, JournalRecord, Replied, Result, spent
from activities.assignment import Equipment
from activities.tools.base import Toolbox
from activities.tools.deciding import DECISIONS, decision_tools
from activities.tools.files import Reading
from activities.tools.trees import board_tree
from activities.workspace.layout import Layout
from schemas.message import Message, ToolResultBlock, ToolUseBlock
from schemas.state import Managed, ManageRequest

LONGEST_THOUGHT = 8_000


@dataclass(frozen=True)
class Past:
    """The conversation before a turn. `pending` are tool calls of its last reply, `results` what is known of them."""

    messages: tuple[Message, ...]
    pending: tuple[ToolUseBlock, ...]
    results: Mapping[str, ToolResultBlock]


async def take_turn(request: ManageRequest, equipment: Equipment) -> Managed:
    """What the manager wants now; at a limit it wants nothing. Raises Impossible if its model cannot go on."""
    layout = Layout.of(request.run)
    past = await _past(layout, request.turn)
    rendered = prompting.system(request)
    limits = Limits(deadline=request.deadline, max_turns=request.max_turns, held=layout.held)
    journal = await FileJournal.open(
        layout.journals(request.invocation),
        request.attempt,
        prompting.turn(request, past.pending, past.results),
        now=limits.now,
        prompts=prompting.digest(rendered),
    )
    try:
        agent = Journaled(_live(request, equipment, limits, rendered), journal)
        try:
            await converse(agent, [*past.messages, opening(journal.records)], silence_ends=True)
            managed = _decided(request, journal.records)
        except LimitReached as limit:
            managed = Managed(invocation=request.invocation, thought=str(limit))
        managed = managed.model_copy(update={"spend": spent(journal.records)})
        await journal.append(Ended(at=limits.now(), managed=managed))
    finally:
        journal.close()
    return managed


async def _past(layout: Layout, turn: int) -> Past:
    """Every earlier turn that ended, as it was said. Of one that failed, only the answers that it was given count."""
    messages: list[Message] = []
    known: dict[str, ToolResultBlock] = {}
    for number in range(1, turn):
        records = read(layout.journals(f"manager.{number}"))
        if ended(records) is not None:
            messages.append(opening(records))
            known = await _said_again(records, messages)
        elif records:
            given = (block for block in opening(records).content if isinstance(block, ToolResultBlock))
            known |= {block.tool_use_id: block for block in given}
    last = messages[-1].content if messages and messages[-1].role == "assistant" else ()
    return Past(tuple(messages), tuple(block for block in last if isinstance(block, ToolUseBlock)), known)


async def _said_again(records: Sequence[JournalRecord], messages: list[Message]) -> dict[str, ToolResultBlock]:
    """Repeats a turn from its journal. Its last answers are taken out, to be given with what became of decisions."""
    try:
        results = await converse(Recalled(records), messages, silence_ends=True)
    except LimitReached:  # the turn ended there, too
        return {}
    if not results:
        return {}
    messages.pop()
    return {
        result.tool_use: ToolResultBlock(tool_use_id=result.tool_use, content=result.content, is_error=result.is_error)
        for result in results
        if not result.ends
    }


def _live(request: ManageRequest, equipment: Equipment, limits: Limits, system: str) -> Live:
    layout = Layout.of(request.run)
    revisions = {one.number: one.revision for one in request.board.candidates if one.revision is not None}
    reading = Reading(board_tree(layout, equipment.jobs, revisions))

    async def no_tree() -> None:
        return None

    return Live(
        invocation=request.invocation,
        model=equipment.model,
        choice=request.model,
        system=system,
        toolbox=Toolbox((*decision_tools(), *reading.tools())),
        limits=limits,
        doing=equipment.doing,
        snapshot=no_tree,
    )


def _decided(request: ManageRequest, records: Sequence[JournalRecord]) -> Managed:
    """The decisions of the last reply, in their order; one whose arguments were wrong is none."""
    reply = next(record.reply for record in reversed(records) if isinstance(record, Replied))
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
