"""The tuner mind: trains, reads scores and curves, changes the config, and stops in time."""

from activities.models.playbook import knobs, proposals
from activities.models.playbook.conversation import Conversation
from activities.models.playbook.plan import CONFIG, TRIALS
from activities.models.playbook.proposals import Ending, Proposal
from activities.models.playbook.step import Step, Use, use
from activities.models.playbook.tuning import Tuning, jobs_of
from schemas.role import TuneRequest
from schemas.tool import FileList, GiveUp, ListFiles, ReadFile, ReportTune, Train, WriteConfig

RESULTS = "results"
LEAST_SECONDS = 5.0  # below which nothing is trained
SHARE, SHARE_UNKNOWN = 0.95, 0.85  # of what is left; the rest is for surprises, of which a first training has more


def next_step(conversation: Conversation) -> Step:
    request = TuneRequest.model_validate(conversation.request)
    if conversation.file(CONFIG) is None:
        return _look(first_time=conversation.last("list_files") is None)
    before = _unread_results(conversation, request)
    if before:
        return Step(
            f"{len(before)} earlier trainings are there; their configs say what was tried.",
            tuple(use("read_file", ReadFile(path=path, lines=2_000)) for path in before),
        )
    tuning = Tuning.of(conversation, request)
    if tuning is None:
        problem = "config.yaml cannot be read as a YAML mapping; the coder must write it again"
        return Step(problem, (use("give_up", GiveUp(why=problem)),))
    proposal = proposals.following(tuning)
    if isinstance(proposal, Ending):
        return _end(tuning, proposal)
    if knobs.dump(proposal.config) == knobs.dump(tuning.current):
        return _train(tuning, proposal)
    return _write(tuning, proposal)


def _look(*, first_time: bool) -> Step:
    reads = [use("read_file", ReadFile(path=name, lines=2_000)) for name in (CONFIG, TRIALS)]
    listing = [use("list_files", ListFiles(path=RESULTS))] if first_time else []
    return Step("What can be tuned here, and what was tried before?", tuple(reads + listing))


def _unread_results(conversation: Conversation, request: TuneRequest) -> list[str]:
    """The configs of earlier trainings, of the latest ones where there are many."""
    listing = conversation.latest("list_files", FileList)
    if listing is None:
        return []
    best = request.card.best.job if request.card.best else None
    paths = [f"{RESULTS}/{job}/{CONFIG}" for job in jobs_of(listing, best)]
    return [path for path in paths if conversation.file(path) is None]


def _write(tuning: Tuning, proposal: Proposal) -> Step:
    text = WriteConfig(text=knobs.dump(proposal.config))
    return Step(proposal.why, (use("write_config", text), _training(tuning, proposal)))


def _train(tuning: Tuning, proposal: Proposal) -> Step:
    return Step(proposal.why, (_training(tuning, proposal),))


def _training(tuning: Tuning, proposal: Proposal) -> Use:
    """One training, in the time that is left for it: long enough for surprises, not for all of the time."""
    share = SHARE if tuning.overhead_told is not None else SHARE_UNKNOWN
    most = (tuning.left - tuning.overhead) * share
    if tuning.training_seconds is not None:
        most = min(most, tuning.training_seconds)
    if proposal.seconds is not None:
        most = min(most, 3 * proposal.seconds + 60)
    minutes = max(most, LEAST_SECONDS) / 60
    return use("train", Train(minutes=float(f"{minutes:.4f}"), quick=proposal.quick, note=proposal.note[:400]))


def _end(tuning: Tuning, ending: Ending) -> Step:
    """The best config is what the repository is left with."""
    restored = knobs.dump(tuning.current) == knobs.dump(tuning.base)
    if not restored and tuning.known is not None and tuning.base not in tuning.refused:
        text = WriteConfig(text=knobs.dump(tuning.base))
        return Step("The best config goes back into the repository.", (use("write_config", text),))
    if tuning.hopeless:
        why = f"no training gave a score: {tuning.problem}"
        return Step(why, (use("give_up", GiveUp(why=why[:4_000])),))
    best = tuning.best_here
    report = ReportTune(best=best.job if best else None, summary=tuning.summary(ending.why))
    return Step(ending.why, (use("report_tune", report),))
