"""How the manager divides the time that is left: how long a tune may take, and what still fits."""

from activities.models.playbook.board import Standing, View

NEW_LINE = 45.0  # seconds to design, code and check, before anything is trained
CODING = 25.0
OVERHEAD = 12.0  # of an invocation and of one training, beside the training itself
MARGIN = 1.2
SHORT_RUN = 240.0  # below this everything is tuned once, with all of the time
AMPLE = 1_800.0  # from here on more designs are asked for than can be coded
FIRST_SHARE, ROUND_SHARE, WHOLE = 0.3, 0.34, 0.97
LEAST_FIRST, LONGEST_FIRST, LONGEST_ROUND = 75.0, 1_800.0, 7_200.0  # seconds
TRAININGS = 5  # that a round should hold


def first_tune(view: View, standing: Standing) -> float:
    """Seconds for a first signal; twice that after a first tune that the time cut off."""
    share = min(FIRST_SHARE * (2 if standing.cut else 1), WHOLE)
    if view.seconds < SHORT_RUN:
        return WHOLE * view.seconds
    longest = LONGEST_FIRST * (4 if standing.cut else 1)
    return min(max(share * view.seconds, LEAST_FIRST), longest, WHOLE * view.seconds)


def next_tune(view: View, standing: Standing) -> float:
    """Seconds for another round: some trainings long, and all that is left if not even one would fit behind it."""
    one = MARGIN * standing.seconds + OVERHEAD
    wanted = min(max(ROUND_SHARE * view.seconds, TRAININGS * one), LONGEST_ROUND)
    rest = view.seconds - wanted
    return WHOLE * view.seconds if rest < one or view.seconds < SHORT_RUN else wanted


def fits_training(view: View, standing: Standing) -> bool:
    """At least one more training of this candidate."""
    return WHOLE * view.seconds >= MARGIN * standing.seconds + OVERHEAD


def fits_new_line(view: View) -> bool:
    """A new design, its code and a training; always, if nothing is trained yet."""
    return view.leader is None or view.seconds >= NEW_LINE + OVERHEAD + MARGIN * view.board.longest_training


def fits_revision(view: View, standing: Standing) -> bool:
    """A revised design, its code, and a few trainings."""
    return view.seconds >= NEW_LINE + 3 * (MARGIN * standing.seconds + OVERHEAD)


def lines(view: View) -> int:
    """How many candidates to build: all that may be coded, as far as calls and time allow."""
    most = view.board.max_candidates
    calls = view.board.agent_calls_left
    if calls is not None:
        begun = len(view.coded)
        most = min(most, begun + max((calls - len(view.board.in_flight)) // 3, 0 if begun else 1))
    return min(most, 2) if view.seconds < 2 * NEW_LINE and view.leader is None else most


def designs(view: View) -> int:
    """How many designs to have at hand for those lines."""
    wanted = lines(view)
    ample = view.seconds >= AMPLE and view.board.agent_calls_left is None
    return max(wanted, min(view.board.max_designs, wanted + 2)) if ample else wanted
