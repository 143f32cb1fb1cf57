"""Exchanges with a model, kept whole: to see what was said, and to run again on the same answers without a network."""

import asyncio
from pathlib import Path

import structlog
from pydantic import ValidationError

from activities.errors import Impossible, NeedsPerson
from activities.execution.durable import write_whole
from activities.models.base import Model
from activities.workspace.layout import Layout
from schemas.base import Record
from schemas.message import ModelRequest, Reply

_log = structlog.get_logger(__name__)


class Exchange(Record):
    """A request and its reply, in a file of its own by the invocation and turn that the request names."""

    request: ModelRequest
    reply: Reply


def kept(model: Model, request_record: bool, replay: str | None, layout: Layout) -> Model:
    """The model as a run's settings have it: answered from the folder of a recorded run, or recorded, or neither."""
    answering = Replayed(Path(replay)) if replay else model
    return Recording(answering, layout) if request_record else answering


class Recording:
    """Keeps what the model answers. Of a turn that is asked again, because no reply was used, the last reply counts."""

    def __init__(self, model: Model, layout: Layout) -> None:
        self._model = model
        self._layout = layout

    async def ask(self, request: ModelRequest) -> Reply:
        """What the model replies, or raises; only replies are kept."""
        reply = await self._model.ask(request)
        path = self._layout.exchange(request.invocation, request.turn)
        try:
            await asyncio.to_thread(_keep, path, Exchange(request=request, reply=reply))
        except OSError as error:  # the reply is paid for, and worth more than its record
            _log.warning("exchange not recorded", path=str(path), error=str(error))
        return reply


class RecordEnds(Impossible):
    """The recorded run says nothing of this turn."""


class Replayed:
    """Answers as the model did in a recorded run, turn by turn; what it cost is what it cost then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def ask(self, request: ModelRequest) -> Reply:
        """The recorded reply. Raises NeedsPerson without a recorded run, RecordEnds without this turn in it."""
        path = Layout(self._folder).exchange(request.invocation, request.turn)
        try:
            content = await asyncio.to_thread(path.read_bytes)
            return Exchange.model_validate_json(content).reply
        except FileNotFoundError:
            raise self._missing(request) from None
        except (OSError, ValidationError) as error:
            raise NeedsPerson(
                f"the recorded exchange {path} cannot be read: {' '.join(str(error).split())[:400]}"
            ) from None

    def _missing(self, request: ModelRequest) -> Exception:
        if not Layout(self._folder).exchanges.is_dir():
            return NeedsPerson(
                f"{self._folder} holds no recorded exchanges: put a run's folder there that was recorded with --record,"
                " then: aibuildai resume RUN"
            )
        return RecordEnds(
            f"the recorded run {self._folder} has no turn {request.turn} of {request.invocation}: from here on this run"
            " goes another way, and nothing can answer it"
        )


def _keep(path: Path, exchange: Exchange) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, exchange.model_dump_json(indent=1) + "\n")
