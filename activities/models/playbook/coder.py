"""The coder mind: writes the plan's recipe and its config, has it checked, and falls back where that fails."""

from collections.abc import Callable
from dataclasses import dataclass

from activities.models.playbook import knobs, plan
from activities.models.playbook.conversation import Call, Conversation
from activities.models.playbook.knobs import Config
from activities.models.playbook.plan import CONFIG, PLAN, TRIALS, Plan
from activities.models.playbook.step import Step, Use, use
from schemas.role import CodeRequest
from schemas.tool import Check, Checked, GiveUp, KnowledgeEntry, ReadFile, ReportCode, Retrieve, Retrieved, WriteFile


def _smaller_and_plainer(config: Config) -> Config:
    return knobs.merge(knobs.smaller(config), knobs.without_features(config))


FALL_BACKS: tuple[tuple[str, Callable[[Config], Config]], ...] = (
    ("smaller settings", knobs.smaller),
    ("no optional features", knobs.without_features),
    ("both", _smaller_and_plainer),
)


@dataclass(frozen=True)
class Code:
    """What is to be written: a recipe under a plan. `mends` if the same plan was coded before and failed."""

    plan: Plan
    entry: KnowledgeEntry
    config: Config
    mends: bool


def next_step(conversation: Conversation) -> Step:
    CodeRequest.model_validate(conversation.request)
    read = conversation.file(PLAN)
    if read is None:
        names = (PLAN, CONFIG, TRIALS)
        reads = tuple(use("read_file", ReadFile(path=name, lines=2_000)) for name in names)
        return Step("What is the plan, and what was written before?", reads)
    made = None if read.failed else plan.read(read.text)
    if made is None:
        return _give_up(f"{PLAN} has no front matter that names a recipe; the designer must write it again")
    if conversation.last("retrieve") is None:
        return Step(f"The plan asks for {made.recipe}.", (use("retrieve", Retrieve(name=made.recipe)),))
    entry = _entry(conversation, made)
    if entry is None:
        return _give_up(f"the catalogue has no code for a recipe {made.recipe!r}")
    return _write_and_check(conversation, _code(conversation, made, entry))


def _entry(conversation: Conversation, made: Plan) -> KnowledgeEntry | None:
    found = conversation.latest("retrieve", Retrieved)
    entries = found.entries if found is not None else ()
    return next((entry for entry in entries if entry.name == made.recipe and entry.files), None)


def _code(conversation: Conversation, made: Plan, entry: KnowledgeEntry) -> Code:
    listed, file = conversation.file(TRIALS), conversation.file(CONFIG)
    old = plan.read_trials(listed.text) if listed is not None and not listed.failed else None
    current = knobs.read(file.text) if file is not None and not file.failed else None
    mends = old is not None and old.version == made.version and old.recipe == made.recipe and current is not None
    config = current if mends and current is not None else knobs.merge(entry.config, made.config)
    return Code(made, entry, config, mends)


def _write_and_check(conversation: Conversation, code: Code) -> Step:
    checks = conversation.all("check")
    if not checks:
        return _first(code)
    checked = checks[-1].read(Checked)
    if checked is not None and checked.passed:
        return _report(code, checked, fall_backs=len(checks) - 1)
    problem = _problem(checks[-1], checked)
    options = _fall_backs(code)[1 if code.mends else 0 :]
    if len(checks) > len(options):
        return _give_up(f"{code.entry.name} fails its check, with every fall-back too: {problem}")
    name, config = options[len(checks) - 1]
    why = f"The check failed: {problem[:400]} Now with {name}."
    return Step(why, (_config(config), use("check", Check())))


def _first(code: Code) -> Step:
    """All files, then the check."""
    files = {name: text for name, text in sorted(code.entry.files.items()) if name not in (CONFIG, TRIALS, PLAN)}
    writes = [use("write_file", WriteFile(path=name, text=text)) for name, text in files.items()]
    trials = use("write_file", WriteFile(path=TRIALS, text=plan.trials_text(code.entry, code.plan)))
    options = _fall_backs(code)
    config, why = code.config, f"{len(files)} files of the recipe {code.entry.name}, with its settings for this data."
    if code.mends and options:
        name, config = options[0]
        why = f"The code is there and failed later on: written again, with {name}."
    return Step(why, (*writes, trials, _config(config), use("check", Check())))


def _config(config: Config) -> Use:
    return use("write_file", WriteFile(path=CONFIG, text=knobs.dump(config)))


def _fall_backs(code: Code) -> list[tuple[str, Config]]:
    """Settings to try after a failed check; those that change nothing are left out."""
    found: list[tuple[str, Config]] = []
    for name, way in FALL_BACKS:
        config = knobs.merge(code.config, way(code.config))
        if config != code.config and config not in [other for _, other in found]:
            found.append((name, config))
    return found


def _problem(call: Call, checked: Checked | None) -> str:
    if checked is None:
        return call.text[:1_000]
    said = [checked.problem or "", *checked.findings, checked.log[-600:]]
    return " ".join(text for text in said if text)[:1_500] or "no reason was given"


def _report(code: Code, checked: Checked, *, fall_backs: int) -> Step:
    after = f" after {fall_backs} fall-backs" if fall_backs else ""
    summary = (
        f"{code.entry.name} is written and passes its check{after} ({checked.seconds:.0f} s)."
        f" {len(code.entry.trials)} settings for the tuner lie in {TRIALS}. Coded by rules, without a language model."
    )
    return Step("The check passed on the code as it is.", (use("report_code", ReportCode(summary=summary)),))


def _give_up(why: str) -> Step:
    return Step(why[:400], (use("give_up", GiveUp(why=why[:4_000])),))
