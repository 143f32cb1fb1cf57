"""The aggregator mind: the best candidate, or a blend that the scorer finds better by more than chance may explain."""

import json

from activities.models.playbook.blending import Blending
from activities.models.playbook.conversation import Conversation
from activities.models.playbook.step import Step, use
from schemas.role import AggregateRequest
from schemas.tool import Evaluate, GiveUp, MemberChoice, ReportAggregate, Retrieve, Retrieved, WriteFile

BLEND = "blend"
BLEND_FILE = "blend.json"


def next_step(conversation: Conversation) -> Step:
    request = AggregateRequest.model_validate(conversation.request)
    blending = Blending.of(conversation, request)
    if blending is None:
        why = "no candidate has a verified score, so there is nothing to choose from"
        return Step(why, (use("give_up", GiveUp(why=why)),))
    asked = blending.following()
    if asked:
        uses = tuple(use("evaluate", Evaluate(members=list(mix), method=blending.method)) for mix in asked)
        return Step(blending.why_asking(len(asked)), uses)
    if not blending.blends:
        return _report(blending, blending.single)
    return _write(conversation, blending)


def _write(conversation: Conversation, blending: Blending) -> Step:
    """A blend is delivered with an inference.py of its own; without the code for one, the best single stands."""
    if conversation.last("retrieve") is None:
        return Step("A blend pays; its code is in the catalogue.", (use("retrieve", Retrieve(name=BLEND)),))
    found = conversation.latest("retrieve", Retrieved)
    files = next((entry.files for entry in found.entries if entry.name == BLEND), {}) if found else {}
    writes = conversation.all("write_file")
    if "inference.py" not in files or any(call.failed for call in writes):
        return _report(blending, blending.single, "The catalogue has no code for a blend, so the best single stands.")
    if not writes:
        return _files(files, blending)
    return _report(blending, blending.best)


def _files(files: dict[str, str], blending: Blending) -> Step:
    wanted = {**files, BLEND_FILE: blend_text(blending)}
    writes = tuple(use("write_file", WriteFile(path=name, text=wanted[name])) for name in sorted(wanted))
    return Step("The blend's code, its members and their weights.", writes)


def blend_text(blending: Blending) -> str:
    """blend.json, which the blend's inference.py reads: members lie below `members/N`, models below `MODEL/N`."""
    members = [{"candidate": member.candidate, "weight": member.weight} for member in blending.best]
    return json.dumps({"method": blending.method, "members": members}, indent=1) + "\n"


def _report(blending: Blending, members: tuple[MemberChoice, ...], more: str = "") -> Step:
    method = blending.method if len(members) > 1 else "single"
    summary = f"{blending.summary()} {more} Chosen by rules, without a language model.".replace("  ", " ")
    report = ReportAggregate(members=list(members), method=method, summary=summary[:7_900])
    return Step(blending.verdict(), (use("report_aggregate", report),))
