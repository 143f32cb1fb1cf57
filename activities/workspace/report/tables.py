"""The tables of the paper: time and money, models, data, checks."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from activities.workspace.report import bills, costs, usage, verdict, words
from activities.workspace.report.facts import Facts
from activities.workspace.report.sheets import A4, INK, MOST_ROWS, paragraph, plain
from activities.workspace.report.svg import cut
from schemas.delivery import Finding

TOKENS = ("", "input", "cache 5 min", "cache 1 h", "cache read", "share", "output", "searches", "dollars")


def record(facts: Facts) -> list[Figure]:
    """Time and money, data, and checks: tables."""
    if not facts.entries:
        return []
    sheet = Figure(figsize=A4)
    top = table(sheet, 0.945, "Time and money", _costs(facts), (0.08, 0.3, 0.42, 0.54, 0.68, 0.8, 0.92))
    top = paragraph(sheet, top + 0.03, [said] if (said := usage.sentence(facts)) else [], 8) - 0.03
    checks = [(f"{'passed' if f.passed else 'FAILED'}", f"{f.name}. {f.detail}") for f in _findings(facts)]
    top = table(sheet, top, "Final check", checks or [("", "No model was verified.")], (0.08, 0.16))
    data = facts.prepared.data.items() if facts.prepared else ()
    top = table(sheet, top, "Data", [(name, f"sha256 {found}") for name, found in data][:12], (0.08, 0.3))
    top = paragraph(sheet, top, [words.split(facts.task.split)] if facts.task else [], 8)
    ledger = [("last digest", facts.entries[-1].digest), ("to verify", f"aibuildai history {facts.run} --verify")]
    table(sheet, top - 0.03, f"Ledger of {len(facts.entries)} facts", ledger, (0.08, 0.2))
    return [sheet]


def _findings(facts: Facts) -> tuple[Finding, ...]:
    return facts.verified.findings if facts.verified else ()


def _costs(facts: Facts) -> Sequence[tuple[str, ...]]:
    head = ("role", "calls", "model calls", "tokens", "dollars", "jobs", "job time")
    every = [*costs.costs(facts), costs.total(facts)]
    return [head] + [
        (
            *(cost.who, str(cost.calls), str(cost.spend.model_calls), words.count(cost.spend.usage.tokens)),
            *(words.dollars(cost.spend.dollars), str(cost.spend.jobs), words.duration(cost.spend.job_seconds)),
        )
        for cost in every
    ]


def table(
    sheet: Figure,
    top: float,
    title: str,
    cells: Sequence[tuple[str, ...]],
    columns: tuple[float, ...],
    *,
    flush: bool = True,
) -> float:
    """Sets rows under a title, numbers (what lies right of the second column) flush right; returns where it ended."""
    sheet.text(0.08, top, title, fontsize=14, weight="bold", color=INK)
    top -= 0.03
    for row in cells:
        for place, (left, cell) in enumerate(zip(columns, row, strict=True)):
            right = flush and len(columns) > 2 and place > 0
            sheet.text(left, top, plain(cut(cell, 120)), fontsize=8, ha="right" if right else "left", color=INK)
        top -= 0.0185
    return top - 0.035


def models(facts: Facts) -> list[Figure]:
    """Who thought, and what that came to in tokens and money; nothing where there was no language model."""
    if not facts.entries or costs.no_language_model(facts):
        return []
    sheet = Figure(figsize=A4)
    players = [
        (one.role.value, one.choice.name, one.choice.effort or "", one.choice.fallback or "", str(one.invocations))
        for one in bills.players(facts)
    ]
    heads = ("role", "model", "effort", "fallback", "invocations")
    top = table(sheet, 0.945, "Who thought", [heads, *players[:MOST_ROWS]], (0.08, 0.2, 0.46, 0.56, 0.8), flush=False)
    columns = (0.08, 0.32, 0.43, 0.53, 0.64, 0.70, 0.79, 0.86, 0.92)
    top = table(sheet, top, "Tokens by role", [TOKENS, *map(_tokens, _summed(facts))], columns)
    by_candidate = bills.by_candidate(facts)[-MOST_ROWS:]
    top = table(sheet, top, "Tokens by candidate", [TOKENS, *map(_tokens, by_candidate)], columns)
    paragraph(sheet, top, _notes(facts), 8.5)
    return [sheet]


def _summed(facts: Facts) -> list[bills.Bill]:
    return [*bills.by_role(facts), bills.Bill("all", costs.total(facts).spend)]


def _tokens(bill: bills.Bill) -> tuple[str, ...]:
    usage, share = bill.spend.usage, bill.cached
    counts = (usage.input_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens, usage.cache_read_tokens)
    read = "" if share is None else words.share(share)
    searches = str(usage.web_searches or "")
    return (
        bill.who, *map(words.count, counts), read, words.count(usage.output_tokens), searches,
        words.cost(bill.spend.dollars),
    )  # fmt: skip


def _notes(facts: Facts) -> list[str]:
    """Fallbacks, routing and the web, in sentences."""
    told = [
        f"{event.invocation}: {event.used} answered {words.plural(event.calls, 'call')} in place of {event.chosen}."
        for event in bills.fallbacks(facts)[:MOST_ROWS]
    ]
    cheaper = bills.routed(facts)
    if cheaper:
        saved = bills.saved(cheaper)
        came = "what that saved is not known" if saved is None else f"that saved {words.cost(saved)}"
        told.append(f"{words.plural(len(cheaper), 'routine invocation')} went to a cheaper model; {came}.")
    return [*told, verdict.web(facts)]
