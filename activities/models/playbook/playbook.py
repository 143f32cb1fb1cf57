"""The playbook behind the Model seam."""

from collections.abc import Callable, Mapping

from activities.models.playbook import aggregator, coder, designer, manager, setup, tuner
from activities.models.playbook.conversation import Conversation, parse
from activities.models.playbook.step import Step, reply, use
from schemas.message import ModelRequest, Reply
from schemas.role import Role
from schemas.tool import GiveUp

Mind = Callable[[Conversation], Step]

MINDS: Mapping[str, Mind] = {
    Role.SETUP: setup.next_step,
    Role.DESIGNER: designer.next_step,
    Role.CODER: coder.next_step,
    Role.TUNER: tuner.next_step,
    Role.AGGREGATOR: aggregator.next_step,
    Role.MANAGER: manager.next_step,
}


class Playbook:
    """Rules instead of a language model. Its reply is a pure function of the messages, and it costs nothing."""

    async def ask(self, request: ModelRequest) -> Reply:
        """The next step of the role that the conversation belongs to. Raises ValueError where it names none."""
        conversation = parse(request)
        mind = MINDS.get(conversation.role)
        if mind is None:
            raise ValueError(f"the playbook knows no role {conversation.role!r}; it knows {', '.join(sorted(MINDS))}")
        return reply(_refused(conversation) or mind(conversation), position=conversation.position)


def _refused(conversation: Conversation) -> Step | None:
    """A report that was not accepted would not be the second time either: rules say the same again."""
    last = conversation.calls[-1] if conversation.calls else None
    if last is None or not last.failed or not last.tool.startswith("report_"):
        return None
    why = f"The report was not accepted: {last.text}"
    return Step("Rules have nothing else to report.", (use("give_up", GiveUp(why=why[:4_000])),))
