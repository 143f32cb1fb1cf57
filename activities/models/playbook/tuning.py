"""What a tuner's conversation comes to: what was tried, what is best, and how much time is left."""

import re
from dataclasses import dataclass, field

from activities.models.playbook import curves, knobs, plan
from activities.models.playbook.conversation import Call, Conversation
from activities.models.playbook.knobs import Config
from activities.models.playbook.plan import CONFIG, TRIALS
from schemas.metric import Score
from schemas.role import TuneRequest
from schemas.tool import FileList, Trained

OVERHEAD, OVERHEAD_PER_PART = 3.0, 4.0  # seconds that a training costs beside its own: checkout, predictions, scoring
READ_BACK = 40  # earlier trainings that are looked at


@dataclass(frozen=True)
class Experiment:
    """One training of this invocation."""

    config: Config
    quick: bool
    note: str
    trained: Trained

    @property
    def score(self) -> Score | None:
        return self.trained.score


@dataclass
class Tuning:
    """Folded from the calls; only `of` makes one."""

    request: TuneRequest
    found: Config  # config.yaml at the start
    current: Config  # config.yaml now
    trials: tuple[Config, ...]  # changes worth trying, as the recipe has them
    base: Config  # the best config so far, or the current one
    known: Score | None = None  # the score of `base`; None if it was not trained
    known_seconds: float | None = None
    earlier: list[Config] = field(default_factory=list)  # trained before
    refused: list[Config] = field(default_factory=list)  # could not be written
    experiments: list[Experiment] = field(default_factory=list)
    gain: tuple[Config, Config] | None = None  # the last step that improved: from, to
    misses: int = 0  # full trainings in a row that did not improve
    spent: float = 0.0
    left_told: float | None = None
    overhead_told: float | None = None

    @classmethod
    def of(cls, conversation: Conversation, request: TuneRequest) -> "Tuning | None":
        file = conversation.file(CONFIG)
        current = None if file is None or file.failed else knobs.read(file.text)
        if current is None:
            return None
        listed = conversation.file(TRIALS)
        found = plan.read_trials(listed.text) if listed is not None and not listed.failed else None
        listed_trials = found.trials if found is not None else ()
        # write_config keeps a config's keys, so a key that is new could never be taken back
        trials = tuple(trial for trial in listed_trials if set(plan.change_of(trial)) <= set(current))
        tuning = cls(request=request, found=current, current=current, trials=trials, base=current)
        tuning._recall(conversation)
        for call in conversation.calls:
            tuning._follow(call)
        return tuning

    @property
    def training_seconds(self) -> float | None:
        return self.request.training_seconds

    @property
    def left(self) -> float:
        """Seconds of this invocation: as the tools tell, or by what the trainings took."""
        return self.request.seconds - self.spent if self.left_told is None else self.left_told

    @property
    def overhead(self) -> float:
        """Seconds that a training costs beside its own, as measured last or as guessed."""
        if self.overhead_told is not None:
            return self.overhead_told
        return OVERHEAD + OVERHEAD_PER_PART * self.parts

    @property
    def last_seconds(self) -> float | None:
        """What a full training takes, by the longer of the last two that gave a score."""
        full = [e for e in self.experiments if not e.quick]
        scored = [e.trained.seconds for e in full if e.score is not None]
        if scored:
            return max(scored[-2:])
        return max([e.trained.seconds for e in full], default=self.known_seconds)

    @property
    def parts(self) -> int:
        """How often a full training runs the code: once for each fold."""
        return self.request.task.split.folds or 1

    @property
    def tried(self) -> list[Config]:
        return [*self.earlier, *self.refused, *(e.config for e in self.experiments if not e.quick)]

    @property
    def quick_trials(self) -> list[Experiment]:
        return [e for e in self.experiments if e.quick]

    @property
    def best_here(self) -> Trained | None:
        best: Trained | None = None
        for experiment in self.experiments:
            score = experiment.score
            if not experiment.quick and score is not None and score.beats(best.score if best else None):
                best = experiment.trained
        return best

    @property
    def finding(self) -> tuple[curves.Finding, str]:
        """What the curves of the best training say; of the last one where the best is from before."""
        full = [e for e in self.experiments if not e.quick and e.trained.curves]
        best = [e for e in full if self.best_here is not None and e.trained.job == self.best_here.job]
        chosen = (best or full)[-1:]
        return curves.reading(chosen[0].trained.curves) if chosen else ("unknown", "no curves yet")

    @property
    def lean(self) -> knobs.Lean:
        finding, _ = self.finding
        return "less" if finding == "overfitting" else "more" if finding == "underfitting" else None

    @property
    def restored(self) -> bool:
        return knobs.dump(self.current) == knobs.dump(self.base)

    @property
    def hopeless(self) -> bool:
        """Nothing was ever scored, and that not for want of time."""
        broken = any(e.trained.phase == "failed" for e in self.experiments)
        return broken and self.known is None and self.best_here is None

    @property
    def problem(self) -> str:
        problems = [e.trained.problem for e in self.experiments if e.trained.problem]
        return problems[-1] if problems else "no reason was given"

    @property
    def metric(self) -> str:
        return self.request.task.metric.name

    def summary(self, ending: str) -> str:
        """The report, with what each training came to."""
        lines = [f"{len(self.experiments)} trainings in {self.spent:.0f} of {self.request.seconds:.0f} s."]
        card = self.request.card.best
        if card is not None and card.score is not None:
            lines.append(f"Before: {self.metric} {card.score.value:.5g}.")
        best = self.best_here
        if best is not None and best.score is not None:
            lines.append(
                f"Best now: {self.metric} {best.score.value:.5g} ({best.score.low:.5g} to {best.score.high:.5g})."
            )
        finding, numbers = self.finding
        lines.append(f"Curves: {finding} ({numbers}). {ending}")
        lines += [f"- {self._line(e)}" for e in self.experiments[-30:]]
        return "\n".join([*lines, "Tuned by rules, without a language model."])[:7_900]

    def _line(self, experiment: Experiment) -> str:
        score = experiment.score
        came = f"{score.value:.5g}" if score else experiment.trained.problem or experiment.trained.phase
        kind = " (quick)" if experiment.quick else ""
        return f"{experiment.note}{kind}: {came}, {experiment.trained.seconds:.0f} s"[:300]

    def _recall(self, conversation: Conversation) -> None:
        """Takes over earlier trainings of this same code; a redesign with other keys starts anew."""
        read = {call.path: call for call in conversation.all("read_file") if not call.failed}
        configs = {
            path.split("/")[1]: knobs.read(call.text) for path, call in read.items() if path.startswith("results/")
        }
        kept = {job: config for job, config in configs.items() if config is not None and self._same_code(config)}
        self.earlier = list(kept.values())
        best = self.request.card.best
        if best is not None and (best.job in kept or best.job not in configs):
            # a config that cannot be read back is the one that the last tuner left
            self.base, self.known, self.known_seconds = kept.get(best.job, self.found), best.score, best.seconds
            self.earlier += [] if best.job in kept else [self.found]

    def _same_code(self, config: Config) -> bool:
        """Its keys are those of the code as it is now."""
        return set(config) == set(self.found)

    def _follow(self, call: Call) -> None:
        if call.tool == "write_config":
            written = knobs.read(str(call.arguments.get("text", ""))) or {}
            if call.failed:
                self.refused.append(written)
            else:
                self.current = written
        if call.tool == "train":
            self._learn(call)

    def _learn(self, call: Call) -> None:
        quick = bool(call.arguments.get("quick", False))
        trained = call.read(Trained) or Trained(
            job="", phase="failed", revision="", seconds=0.0, problem=call.text[:400] or "the result was cut"
        )
        note = str(call.arguments.get("note", ""))
        self.experiments.append(Experiment(dict(self.current), quick, note, trained))
        if trained.seconds_left is not None:
            before = self.request.seconds if self.left_told is None else self.left_told
            self.overhead_told = max(before - trained.seconds_left - trained.seconds, OVERHEAD)
            self.left_told = trained.seconds_left
        self.spent += trained.seconds + self.overhead
        if quick:
            return
        if trained.score is not None and trained.score.beats(self.known):
            self.gain = (self.base, dict(self.current)) if self.known is not None else None
            self.base, self.known, self.misses = dict(self.current), trained.score, 0
        else:
            self.misses += 1


def jobs_of(listing: FileList, best: str | None) -> list[str]:
    """The latest jobs that left results, the last one last, and the best one among them."""
    parts = [entry.path.removeprefix("./").removeprefix("results/").split("/") for entry in listing.files]
    jobs = {part[0] for part in parts if len(part) > 1 and part[1] == CONFIG}
    ordered = sorted(jobs, key=_natural)
    return [job for job in ordered[:-READ_BACK] if job == best] + ordered[-READ_BACK:]


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", name)]
