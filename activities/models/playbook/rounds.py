"""How the manager divides the time that is left: how long a tune may take, and what still fits."""

from activities.models.playbook.board import Standing, View
from schemas.role import Role

NEW_LINE = 45.0  # seconds to design, code and check, before anything is trained
CODING = 25.0
OVERHEAD = 12.0  # of an invocation and of one training, beside the training itself
MARGIN = 1.2
SHORT_RUN = 330.0  # below this everything is tuned once, with all of the time
AMPLE = 1_800.0  # from here on more designs are asked for than can be coded
FIRST_SHARE, ROUND_SHARE, WHOLE = 0.35, 0.34, 0.97
LEAST_FIRST, LONGEST_ROUND = 75.0, 7_200.0  # seconds
LONG_FIRST, LONG_FIRST_SHARE = 300.0, 0.08  # of a first tune in a long run: a signal early, and time for large models
RETRY = 3
TRAININGS, FEW_TRAININGS = 5, 3  # that a round should hold, and the first one of revised code


def first_tune(view: View, standing: Standing) -> float:
    """Seconds for a first signal; more after a first tune that the time cut off."""
    if view.seconds < SHORT_RUN or _last_calls(view):
        return WHOLE * view.seconds
    signal = min(FIRST_SHARE * view.seconds, max(LONG_FIRST_SHARE * view.seconds, LONG_FIRST))
    more = RETRY if standing.cut else 1
    known = FEW_TRAININGS * (MARGIN * standing.seconds + OVERHEAD) if standing.seconds else 0.0
    return min(max(signal * more, known, LEAST_FIRST), WHOLE * view.seconds)


def next_tune(view: View, standing: Standing) -> float:
    """Seconds for another round: some trainings long, and all that is left if not even one would fit behind it."""
    one = MARGIN * standing.seconds + OVERHEAD
    wanted = min(max(ROUND_SHARE * view.seconds, TRAININGS * one), LONGEST_ROUND)
    rest = view.seconds - wanted
    last = rest < one or view.seconds < SHORT_RUN or _last_calls(view)
    return WHOLE * view.seconds if last else wanted


def _last_calls(view: View) -> bool:
    """So few agent calls are left that not every candidate can be tuned twice more."""
    calls = view.board.agent_calls_left
    return calls is not None and calls < 2 * len(view.coded)


def fits_training(view: View, standing: Standing) -> bool:
    """At least one more training of this candidate."""
    return WHOLE * view.seconds >= MARGIN * standing.seconds + OVERHEAD


def fits_new_line(view: View) -> bool:
    """A new design, its code and a training; always, if nothing is trained yet."""
    return view.leader is None or view.seconds >= NEW_LINE + OVERHEAD + MARGIN * view.board.longest_training


def fits_revision(view: View, standing: Standing) -> bool:
    """A revised design, its code, and a few trainings."""
    return view.seconds >= NEW_LINE + FEW_TRAININGS * (MARGIN * standing.seconds + OVERHEAD)


def lines(view: View) -> int:
    """How many candidates to build: all that may be coded, as far as calls and time allow."""
    most = view.board.max_candidates
    calls = view.board.agent_calls_left
    if calls is not None:
        begun = [standing for standing in view.standings if not standing.gone]
        spare = calls - sum(_calls_needed(view, standing) for standing in begun)
        most = min(most, len(begun) + max(spare // 3, 0 if begun else 1))
    return min(most, 2) if view.seconds < 2 * NEW_LINE and view.leader is None else most


def _calls_needed(view: View, standing: Standing) -> int:
    """Agent calls, not yet made, from where a candidate is to its first score."""
    if standing.card.tunes or view.at_work(standing.number, Role.TUNER):
        return 0
    if standing.card.codes or view.at_work(standing.number, Role.CODER):
        return 1
    return 2 if standing.card.designs or view.at_work(standing.number, Role.DESIGNER) else 3


def designs(view: View) -> int:
    """How many designs to have at hand for those lines."""
    wanted = lines(view)
    ample = view.seconds >= AMPLE and view.board.agent_calls_left is None
    return max(wanted, min(view.board.max_designs, wanted + 2)) if ample else wanted
