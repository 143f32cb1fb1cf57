"""Who answers: the playbook, a script, or one of them that also thinks and searches."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from activities.models.playbook import Playbook
from schemas.message import Message, ModelRequest
from tests.strict.answers import Answer, answer
from tests.strict.prompt import Json, listed
from tests.strict.refusals import invalid
from tests.strict.spoilt import unspoilt

Script = Sequence[Answer | Sequence[Json]] | Callable[[Json], Answer | Sequence[Json]]


class Mind(Protocol):
    def answer(self, body: Json) -> Answer:
        """To a request that has passed all checks. The same request gets the same answer."""
        ...


class PlaybookMind:
    """Our playbook, over the wire. It takes calls that a fault had spoilt for never made, as who mends them would."""

    def answer(self, body: Json) -> Answer:
        messages = tuple(
            Message.model_validate({"role": message["role"], "content": listed(message["content"])})
            for message in unspoilt(body["messages"])
        )
        try:
            reply = asyncio.run(Playbook().ask(ModelRequest(model="playbook", system="", messages=messages)))
        except ValueError as error:
            raise invalid(f"the playbook cannot answer: {error}") from None
        return answer([block.model_dump(mode="json") for block in reply.content])


class ScriptMind:
    """Answers by a list, of which a conversation with N turns of the assistant has heard N; or by a function."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def answer(self, body: Json) -> Answer:
        if callable(self._script):
            try:
                found = self._script(body)
            except Exception as error:  # of the test's own: as a failing server's it would be tried again
                raise invalid(f"the script failed: {error!r}") from error
        else:
            heard = sum(message["role"] == "assistant" for message in body["messages"])
            if heard >= len(self._script):
                raise invalid(f"the script has {len(self._script)} answers, and was asked for one more")
            found = self._script[heard]
        return found if isinstance(found, Answer) else answer(found)


class Thoughtful:
    """Thinks before it answers, and searches the web once where it may."""

    def __init__(self, mind: Mind, *, searches: bool = False) -> None:
        self._mind = mind
        self._searches = searches

    def answer(self, body: Json) -> Answer:
        given = self._mind.answer(body)
        thought: Json = {"type": "thinking", "thinking": "What was said so far leads to one thing, and I do it next."}
        first = not any(message["role"] == "assistant" for message in body["messages"])
        web = any(str(tool.get("type")).startswith("web_search_") for tool in body.get("tools") or ())
        search: Json = {"type": "search", "query": "the state of the art", "urls": ["https://example.org/survey"]}
        before = [thought, search] if self._searches and first and web else [thought]
        return Answer((*before, *given.content), given.stop, given.details)
