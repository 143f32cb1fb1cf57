"""What a description says in words: the metric, and the column to predict."""

import re

# The longer wording stands before the shorter one it contains.
_METRICS: tuple[tuple[str, str], ...] = (
    (r"root[\s-]+mean[\s-]+squared?[\s-]+log(?:arithmic)?(?:[\s-]+error)?|\brmsle\b", "rmsle"),
    (r"root[\s-]+mean[\s-]+squared?[\s-]+(?:error|deviation)|\brmse\b", "rmse"),
    (r"symmetric[\s-]+mean[\s-]+absolute[\s-]+percentage[\s-]+error|\bs-?mape\b", "smape"),
    (r"mean[\s-]+absolute[\s-]+percentage[\s-]+error|\bmape\b", "mape"),
    (r"mean[\s-]+absolute[\s-]+error|\bmae\b", "mae"),
    (r"mean[\s-]+squared?[\s-]+error|\bmse\b", "rmse"),  # the same order of models
    (r"quadratic(?:ally)?[\s-]+weighted[\s-]+kappa|\bqwk\b|quadratic[\s-]+kappa", "quadratic_weighted_kappa"),
    (r"balanced[\s_-]+accuracy", "balanced_accuracy"),
    (r"macro[\s-]+(?:averaged?[\s-]+)?f[\s-]?1|f[\s_-]?1[\s_-]+(?:score[\s,-]+)?\(?macro|mean[\s-]+f1", "f1_macro"),
    (r"\bf[\s_-]?1\b(?:[\s-]*(?:score|measure))?", "f1"),
    (r"area[\s-]+under[\s-]+the[\s-]+(?:roc|receiver)|\broc[\s_-]*auc\b|\bauroc\b|\bauc(?:[\s-]roc)?\b", "roc_auc"),
    (r"log(?:arithmic)?[\s_-]?loss|cross[\s-]?entropy", "log_loss"),
    (r"coefficient[\s-]+of[\s-]+determination|\br\^?2\b|\br²|\br[\s-]squared", "r2"),
    (r"\baccuracy\b|classification[\s-]+rate|share[\s-]+of[\s-]+correct|categorization[\s-]+accuracy", "accuracy"),
)
_OF_LOGARITHMS = re.compile(r"between\s+the\s+(?:natural\s+)?log(?:arithm)?s?\s+of\b")
_ABOUT_METRIC = re.compile(
    r"metric|evaluat|scor(?:e|ed|ing)\b|judged|measured by|graded|higher is better|lower is better"
)
_ABOUT_TARGET = re.compile(r"predict|target|label|forecast|estimate|classif", re.IGNORECASE)


def metric_in(description: str) -> tuple[str, str] | None:
    """(registered name, the words that say so): the first in a sentence about scoring, else the first anywhere."""
    lowered = description.lower()
    spoken = [sentence for sentence in _sentences(lowered) if _ABOUT_METRIC.search(sentence)]
    for text in [*spoken, lowered]:
        found = _first_metric(text)
        if found is not None:
            return found
    return None


def target_in(description: str, columns: list[str]) -> str | None:
    """The one of `columns` that a sentence about predicting names, if it is one alone."""
    for sentence in _sentences(description):
        if _ABOUT_TARGET.search(sentence):
            marked = [name for name in columns if re.search(rf"[`'\"*]{re.escape(name)}[`'\"*]", sentence)]
            words = [
                name for name in columns if len(name) > 2 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sentence)
            ]
            for named in (marked, words):  # a column called `a` is not meant by every a
                if len(named) == 1:
                    return named[0]
    return None


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+|\n\s*\n|\n(?=[-*#])", text) if part.strip()]


def _first_metric(text: str) -> tuple[str, str] | None:
    """The metric whose words come first; of those at one place, the longer wording."""
    hits: list[tuple[int, int, str, str]] = []
    for pattern, name in _METRICS:
        hit = re.search(pattern, text)
        if hit:
            hits.append((hit.start(), -len(hit.group()), name, " ".join(hit.group().split())))
    if not hits:
        return None
    _, _, name, words = min(hits)
    if name == "rmse" and _OF_LOGARITHMS.search(text):
        return "rmsle", f"{words} of logarithms"
    return name, words
