"""What an agent keeps of a long conversation: when less of it is sent, and what. Each decision is in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.agent import context
from activities.agent.journal import Journal
from activities.agent.live import Live
from activities.agent.records import Cleared, Condensed, Replied
from activities.errors import Impossible
from schemas.message import Message, Reply

FEWEST = 6  # messages between one time that a conversation is condensed and the next
CHARACTERS_PER_TOKEN = 3.0  # rather too few than too many


@dataclass(frozen=True)
class Size:
    """What a conversation came to when a model last answered: tokens of its first `messages` messages."""

    messages: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Known:
    """What is known of a conversation that began before this invocation.

    `bound` says what the thinking rests on in parts of it, each named by where it ends.
    """

    condensed: tuple[Condensed, ...] = ()
    size: Size = Size()
    bound: tuple[tuple[int, frozenset[str]], ...] = ()


class Keeping:
    """Decides by the sizes that models tell; for one that tells none, such as the playbook, all is sent always."""

    def __init__(self, live: Live, journal: Journal, known: Known) -> None:
        self._live = live
        self._journal = journal
        mine = [record for record in journal.records if isinstance(record, Condensed)]
        self._recalled = {step.turn for step in mine}
        self._condensed = [*known.condensed, *mine]
        self._size = known.size
        self._unread = max((end for end, bound in known.bound if bound - {live.bound}), default=0)
        self._numbers: dict[int, tuple[int, ...]] = {}
        # the other half of a small window is for the reply
        self._limit = live.context_tokens if live.window is None else min(live.context_tokens, live.window // 2)

    def sent(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """What a model is sent of the conversation now."""
        return self._outline(messages, self._condensed).sent

    def asked_to_sum_up(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        return context.asking(self.sent(messages))

    def numbered(self, message: int, calls: tuple[int, ...]) -> None:
        """The message in this place answers these calls."""
        self._numbers[message] = calls

    def answered(self, messages: Sequence[Message], replied: Replied) -> None:
        """Remembers what the conversation came to, with the reply.

        Thinking up to one that came under other prompts or tools is not sent any more: the API would refuse it.
        """
        self._size = size_of(messages, replied.reply, self._size)
        if replied.bound != self._live.bound:
            self._unread = len(messages) + 1

    def crowded(self, messages: Sequence[Message]) -> bool:
        """True if the conversation has outgrown its limit, and was not condensed a moment ago."""
        since = self._condensed[-1].messages if self._condensed else 0
        if not self._size.tokens or messages[-1].role != "user" or len(messages) - since < FEWEST:
            return False
        return self._tokens(messages) > self._limit

    def recalled(self, turn: int) -> bool:
        """True if an older attempt condensed the conversation right after that turn."""
        return turn in self._recalled

    def cleared(self, messages: Sequence[Message], turn: int) -> Condensed | None:
        """The conversation without old results, if that is at most half the limit: so it is done rarely."""
        step = self._clearing(messages, turn, context.KEPT)
        if step is None:
            return None
        fixed = len(self._live.system) + sum(len(spec.model_dump_json()) for spec in self._live.toolbox.specs)
        before = fixed + context.characters(self.sent(messages))
        after = fixed + context.characters(self._outline(messages, [*self._condensed, step]).sent)
        return step if self._tokens(messages) * after / before <= self._limit / 2 else None

    def fewer_pictures(self, messages: Sequence[Message], turn: int) -> Condensed | None:
        """The conversation without its oldest pictures, if there are more than a request may carry."""
        outlined = self._outline(messages, self._condensed)
        cleared = context.clearing_pictures(outlined, self._numbers, readable=self._live.readable)
        return _step(messages, turn, cleared)

    def squeezed(self, messages: Sequence[Message], turn: int) -> Condensed:
        """The next smaller form of what does not fit a model's window: without old results, then in short.

        Raises Impossible once there is none.
        """
        cleared = self._clearing(messages, turn, 1)
        if cleared is not None:
            return cleared
        if len(messages) == 1 or self._in_short(len(messages)):
            raise Impossible(
                "the conversation does not fit the model's context window, even in short. Of a model on a server of "
                "one's own, `context` in the home folder's prices.json says how large its window is"
            )
        return self.summed_up(messages, turn, "")

    def summed_up(self, messages: Sequence[Message], turn: int, summary: str) -> Condensed:
        """The conversation in short: as the model wrote it down, else in a form that takes no model."""
        text = summary.strip() or context.digest(messages, self._condensed)
        return Condensed(turn=turn, messages=len(messages), summary=text)

    async def keep(self, step: Condensed) -> None:
        """Writes the decision down, unless it is a summary that an older attempt wrote down."""
        if not (step.summary and self._in_short(step.messages)):
            await self._journal.append(step)
            self._condensed.append(step)

    def _clearing(self, messages: Sequence[Message], turn: int, keep: int) -> Condensed | None:
        outlined = self._outline(messages, self._condensed)
        cleared = context.clearing(outlined, self._numbers, keep=keep, readable=self._live.readable)
        return _step(messages, turn, cleared)

    def _in_short(self, count: int) -> bool:
        """True if a summary stands for that many messages."""
        return any(step.summary and step.messages == count for step in self._condensed)

    def _outline(self, messages: Sequence[Message], condensed: Sequence[Condensed]) -> context.Outline:
        return context.outline(context.unthinking(messages, self._unread), condensed)

    def _tokens(self, messages: Sequence[Message]) -> float:
        """Of the next request, if it were sent as things stand."""
        return self._size.tokens + context.characters(messages[self._size.messages :]) / CHARACTERS_PER_TOKEN


def _step(messages: Sequence[Message], turn: int, cleared: Sequence[Cleared]) -> Condensed | None:
    return Condensed(turn=turn, messages=len(messages), cleared=tuple(cleared)) if cleared else None


def size_of(messages: Sequence[Message], reply: Reply, before: Size) -> Size:
    """A reply with searches counts what it read each time anew, so that its size is estimated."""
    count = len(messages) + bool(reply.content)
    if not reply.usage.web_searches:
        return Size(count, reply.usage.tokens)
    said = [*messages[before.messages :], Message(role="assistant", content=reply.content)]
    return Size(count, before.tokens + int(context.characters(said) / CHARACTERS_PER_TOKEN))
