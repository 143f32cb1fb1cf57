"""What the tuner tries next: the config as it is, the recipe's trials, then neighbours of the best."""

from dataclasses import dataclass
from itertools import chain

from activities.models.playbook import knobs
from activities.models.playbook.knobs import Config
from activities.models.playbook.plan import NOTE, change_of
from activities.models.playbook.tuning import Tuning

MARGIN = 1.2  # on the last training's time
PATIENCE = 6  # trainings in a row that did not help, after which neighbours are left alone
SCREENED = 4  # quick trainings at most
WORTH_SCREENING = 90.0  # seconds of a full training, below which a quick one saves nothing
MOST_PATIENCE = 20
TURNS_KEPT = 6  # of the model calls, to look and to report
TIME_LIMIT, LONGER = "time_limit", 3  # the key by which recipes stop training themselves
FAILURES = 2  # trainings without any score
LEAST = 2.0  # seconds that any training takes
SMALLER = 0.5  # of the time, that a smaller config is hoped to take


@dataclass(frozen=True)
class Proposal:
    """A config to train. `seconds` is what it should take, None where that is not known."""

    config: Config
    why: str
    note: str
    seconds: float | None = None
    quick: bool = False


@dataclass(frozen=True)
class Ending:
    """Nothing more is trained, and why."""

    why: str


def following(tuning: Tuning) -> Proposal | Ending:
    """The next training, or the end."""
    if len(tuning.experiments) >= tuning.request.max_turns - TURNS_KEPT:
        return Ending(f"{len(tuning.experiments)} trainings are as many as one invocation may make.")
    if tuning.known is None or not _trained(tuning, tuning.found):
        first = _first(tuning)
        if isinstance(first, Proposal) or tuning.known is None:
            return first
    seconds = tuning.last_seconds or 0.0
    screened = _screening(tuning, seconds)
    if screened is not None:
        return screened
    least: float | None = None
    for change, source in chain(_longer(tuning), _listed(tuning), _near(tuning)):
        longer = LONGER if TIME_LIMIT in change else 1.0
        expected = seconds * knobs.cost(knobs.merge(tuning.base, change), tuning.base) * longer
        if _fits(tuning, expected):
            return _proposal(tuning, change, source, expected)
        least = expected if least is None else min(least, expected)
    return _ending(tuning, least)


def _ending(tuning: Tuning, least: float | None) -> Ending:
    if least is not None:
        left = max(tuning.left, 0)
        return Ending(f"The next training would take about {least:.0f} s, and {left:.0f} s are left.")
    if tuning.misses >= _patience(tuning):
        return Ending(f"The last {tuning.misses} trainings did not improve the score.")
    return Ending("Nothing is left to try: the recipe's trials and the best config's neighbours are all trained.")


def _first(tuning: Tuning) -> Proposal | Ending:
    """The config as the coder left it; after a failure once more, much smaller."""
    failed = [e for e in tuning.experiments if not e.quick and e.score is None]
    expected = tuning.last_seconds
    if len(failed) >= FAILURES:
        return Ending(f"{len(failed)} trainings gave no score: {tuning.problem[:300]}")
    if not failed:
        if not _fits(tuning, expected or LEAST):
            return Ending(f"The {max(tuning.left, 0):.0f} s left allow no training.")
        return Proposal(tuning.found, "First the config as it stands.", "the config as it stands", expected)
    change = knobs.smaller(tuning.found)
    if not change or not _fits(tuning, (expected or LEAST) * SMALLER):
        return Ending(f"The config gave no score ({tuning.problem[:300]}), and no smaller one fits the time left.")
    why = f"The first training gave no score ({tuning.problem[:200]}); a smaller one may."
    return Proposal(knobs.merge(tuning.found, change), why, f"smaller: {knobs.words(change)}")


def _listed(tuning: Tuning) -> list[tuple[Config, str]]:
    """The recipe's trials that are not in any config tried; what runs against the curves comes last."""
    pairs = [(change_of(trial), str(trial.get(NOTE, "a recipe's trial"))) for trial in tuning.trials]
    fresh = [pair for pair in pairs if not _contained(pair[0], tuning)]
    lean = tuning.lean
    against = [pair for pair in fresh if lean is not None and knobs.leans(pair[0], tuning.base) not in (None, lean)]
    return [pair for pair in fresh if pair not in against] + against


def _near(tuning: Tuning) -> list[tuple[Config, str]]:
    """Neighbours of the best config, until several trainings in a row did not help."""
    if tuning.misses >= _patience(tuning):
        return []
    tried = {knobs.dump(config) for config in tuning.tried}
    changes = knobs.neighbours(tuning.base, tuning.lean)
    gain = tuning.gain
    if gain is not None:  # stable: what goes on where the last gain came from is first
        changes.sort(key=lambda change: not knobs.same_way(change, tuning.base, gain))
    return [(c, "a neighbour of the best") for c in changes if knobs.dump(knobs.merge(tuning.base, c)) not in tried]


def _patience(tuning: Tuning) -> float:
    """Misses in a row that are borne: more of them where many trainings fit."""
    fitting = tuning.left / max((tuning.last_seconds or 0.0) + tuning.overhead, 1.0)
    return min(max(PATIENCE, fitting / 10), MOST_PATIENCE)


def _longer(tuning: Tuning) -> list[tuple[Config, str]]:
    """More time for the code itself, where training ended at the limit that its own config sets."""
    limit, seconds = tuning.base.get(TIME_LIMIT), tuning.last_seconds
    if not isinstance(limit, int | float) or seconds is None or seconds < 0.9 * limit * tuning.parts:
        return []
    change: Config = {TIME_LIMIT: limit * LONGER}
    return [] if _contained(change, tuning) else [(change, f"training was cut at its {TIME_LIMIT} of {limit:g} s")]


def _screening(tuning: Tuning, seconds: float) -> Proposal | None:
    """Quick trainings, where only one or two full ones fit: the full time goes to what looked best."""
    full = MARGIN * (seconds + tuning.overhead)
    few = full < tuning.left < 3 * full
    done = tuning.quick_trials
    spent = max([e.trained.seconds for e in done], default=0.1 * seconds) + tuning.overhead
    if seconds < WORTH_SCREENING or not few:
        return None
    options: list[Config] = [{}, *(change for change, _ in _listed(tuning))][: SCREENED + 1]
    seen = [knobs.dump(e.config) for e in done]
    for change in options:
        config = knobs.merge(tuning.base, change)
        if knobs.dump(config) not in seen and tuning.left > full + MARGIN * spent and len(done) <= SCREENED:
            why = f"A full training takes {seconds:.0f} s of the {tuning.left:.0f} s left: a quick look first."
            return Proposal(config, why, f"quick look: {knobs.words(change)}", spent, quick=True)
    return _promoted(tuning, seconds)


def _promoted(tuning: Tuning, seconds: float) -> Proposal | None:
    """The quick training that looked best, in full, if it beat the quick one of the base."""
    scored = [e for e in tuning.quick_trials if e.score is not None]
    tried = {knobs.dump(config) for config in tuning.tried}
    base = next((e for e in scored if knobs.dump(e.config) == knobs.dump(tuning.base)), None)
    best = base
    for experiment in scored:
        if experiment.score is not None and experiment.score.beats(best.score if best else None):
            best = experiment
    if best is None or best is base or knobs.dump(best.config) in tried:
        return None
    change = knobs.difference(best.config, tuning.base)
    return _proposal(tuning, change, "the quick looks' best", seconds * knobs.cost(best.config, tuning.base))


def _proposal(tuning: Tuning, change: Config, source: str, seconds: float) -> Proposal:
    finding, numbers = tuning.finding
    known = f"{tuning.metric} is {tuning.known.value:.5g} so far; " if tuning.known else ""
    why = f"{known}the curves say {finding} ({numbers}). Next, {source}: {knobs.words(change)}."
    return Proposal(knobs.merge(tuning.base, change), why, f"{knobs.words(change)} ({finding})", seconds)


def _fits(tuning: Tuning, expected: float) -> bool:
    """Never begun: what cannot finish."""
    most = tuning.training_seconds
    within = most is None or expected <= most
    return within and MARGIN * (expected + tuning.overhead) <= tuning.left


def _contained(trial: Config, tuning: Tuning) -> bool:
    """A config that was tried, or the best, already says what the trial says."""
    return any(not knobs.difference(trial, config) for config in [*tuning.tried, tuning.base])


def _trained(tuning: Tuning, config: Config) -> bool:
    said = knobs.dump(config)
    return any(knobs.dump(done) == said for done in tuning.tried)
