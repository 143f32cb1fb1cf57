"""The model's card: what it is, what it scores, what it cost, and what it must not be used for."""

import hashlib
import re

from activities.workspace.report import bills, costs, usage, verdict, words
from activities.workspace.report.facts import Facts
from activities.workspace.report.page import templates

MARKED = re.compile(r"([\\`*_\[\]<>|#~])")


def card(facts: Facts, environment_lock: str) -> str:
    """Markdown. What agents and data said is escaped, so that it can neither format nor run."""
    environment = templates(autoescape=False)
    environment.filters["md"] = md
    return environment.get_template("card.md").render(
        facts=facts,
        verdict=verdict.verdict(facts),
        delivered=verdict.delivered(facts),
        engine=verdict.engine(facts),
        models=costs.models(facts),
        sandbox=verdict.sandbox(facts.prepared)[1],
        network=verdict.network(facts),
        looks_note=verdict.looks_note(facts),
        refit_note=verdict.refit_note(facts),
        split=words.split(facts.task.split) if facts.task else "",
        total=costs.total(facts),
        usage=usage.sentence(facts),
        bills=bills,
        spoken=not costs.no_language_model(facts),
        web=verdict.web(facts),
        packages=len([line for line in environment_lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]),
        lock_digest=hashlib.sha256(environment_lock.encode()).hexdigest() if environment_lock else "",
    )


def md(words_: object) -> str:
    """Text as one line of Markdown, with nothing in it that marks up."""
    return MARKED.sub(r"\\\1", " ".join(str(words_).split()))
