"""The setup mind: looks at machine and data, and writes down what the others need; later gets what a design needs."""

from activities.models.playbook.conversation import Call, Conversation
from activities.models.playbook.step import Step, use
from schemas.profile import ColumnProfile, DataProfile
from schemas.role import SetupRequest
from schemas.tool import (
    EnvironmentFacts,
    FetchWeights,
    GiveUp,
    InspectEnvironment,
    Install,
    ProfileData,
    ReportSetup,
    WriteFile,
)

NEEDED = ("numpy", "pandas", "scikit-learn", "scipy", "lightgbm", "torch", "pyyaml")
NOTES = "SETUP.md"


def next_step(conversation: Conversation) -> Step:
    request = SetupRequest.model_validate(conversation.request)
    if request.weights or request.packages:
        return _getting(request, conversation)
    looked = conversation.last("inspect_environment") and conversation.last("profile_data")
    if not looked:
        return Step(
            "First the facts: what this machine has, and what the data holds.",
            (use("inspect_environment", InspectEnvironment()), use("profile_data", ProfileData())),
        )
    facts = conversation.latest("inspect_environment", EnvironmentFacts)
    profile = conversation.latest("profile_data", DataProfile)
    if facts is None or profile is None:
        failed = [call for call in conversation.calls if call.failed]
        why = failed[-1].text if failed else "the facts about environment and data could not be read"
        return Step("Without these facts nothing can be set up.", (use("give_up", GiveUp(why=why[:4_000])),))
    if conversation.last("write_file") is None:
        text = notes(request, facts, profile)
        return Step("The facts go into SETUP.md.", (use("write_file", WriteFile(path=NOTES, text=text)),))
    return Step("Everything is in place.", (use("report_setup", ReportSetup(summary=_summary(facts, profile))),))


def _getting(request: SetupRequest, conversation: Conversation) -> Step:
    """Each thing by a call of its own, so that one that is not to be had keeps no other back."""
    asked = {("install", package): use("install", Install(packages=[package])) for package in request.packages}
    asked |= {("fetch_weights", name): use("fetch_weights", FetchWeights(name=name)) for name in request.weights}
    answered = {_thing(call): call for call in conversation.calls}
    lacking = tuple(made for thing, made in asked.items() if thing not in answered)
    if lacking:
        return Step("What the design asks for, one thing at a time.", lacking)
    failed = [f"{name}: {answered[tool, name].text}" for tool, name in asked if answered[tool, name].failed]
    if len(failed) == len(asked):
        return Step("Nothing of it is to be had.", (use("give_up", GiveUp(why="; ".join(failed)[:4_000])),))
    came = [name for tool, name in asked if not answered[tool, name].failed]
    summary = f"Got {', '.join(came)}. By rules, without a language model."
    if failed:
        summary += f" Not to be had: {'; '.join(failed)}"
    return Step("What could be got is there.", (use("report_setup", ReportSetup(summary=summary[:4_000])),))


def _thing(call: Call) -> tuple[str, str]:
    """Tool and name of what a call was for."""
    packages = call.arguments.get("packages") or [""]
    return call.tool, str(call.arguments.get("name") or packages[0])


def notes(request: SetupRequest, facts: EnvironmentFacts, profile: DataProfile) -> str:
    """SETUP.md."""
    parts = (
        "# Setup\n\nWritten by the playbook, by rules; no language model was used.\n",
        _machine(facts),
        _packages(facts),
        _data(request, profile),
        _columns(profile),
    )
    return "\n".join(parts)


def _machine(facts: EnvironmentFacts) -> str:
    network = "the network can be reached" if facts.job and facts.job.network else "there is no network"
    gpus = ", ".join(facts.gpus) or "none: train on the processor, keep networks small"
    return (
        "## Machine\n\n"
        f"- {facts.cores} cores, {facts.memory_mb / 1024:.1f} GB of memory,"
        f" {facts.disk_free_mb / 1024:.1f} GB of disk free\n"
        f"{_one_job(facts)}"
        f"- devices that jobs lease: {', '.join(facts.devices) or 'none'}; graphics processors: {gpus}\n"
        f"- code runs in this sandbox: {facts.sandbox}; data is read-only, {network}\n"
    )


def _one_job(facts: EnvironmentFacts) -> str:
    if facts.job is None:
        return ""
    return f"- one job gets {facts.job.cores} cores and {facts.job.memory_mb / 1024:.1f} GB of memory\n"


def _packages(facts: EnvironmentFacts) -> str:
    known = {name.lower().replace("_", "-"): version for name, version in facts.packages.items()}
    lines = [f"- {name} {known[name]}" if name in known else f"- {name}: missing" for name in NEEDED]
    return f"## Packages (Python {facts.python})\n\n" + "\n".join(lines) + "\n"


def _data(request: SetupRequest, profile: DataProfile) -> str:
    task = request.task
    lines = [
        f"- labelled rows: {profile.rows} in `data/{task.train}`"
        + (f"; rows to predict: {profile.test_rows} in `data/{task.test}`" if task.test else ""),
        f"- targets: {', '.join(task.targets)} ({task.kind}), scored by {task.metric.name},"
        f" {task.metric.direction.value} is better",
        f"- the id is `{task.id}`" + (", which also says something about the row" if task.id_is_feature else ""),
        f"- split: {task.split.kind}" + (f", {task.split.folds} folds" if task.split.folds else ""),
    ]
    if task.train_only:
        lines.append(f"- columns that rows to predict lack, never a feature: {', '.join(task.train_only)}")
    return "## Data\n\n" + "\n".join([*lines, *(f"- {note}" for note in profile.notes)]) + "\n"


def _columns(profile: DataProfile) -> str:
    rows = [f"| {c.name} | {c.kind} | {c.missing:.1%} | {c.unique} | {_more(c)} |" for c in profile.columns]
    return "\n".join(
        ["## Columns\n", "| column | kind | missing | distinct | more |", "|---|---|---|---|---|", *rows, ""]
    )


def _more(column: ColumnProfile) -> str:
    if column.kind == "number" and column.minimum is not None and column.maximum is not None:
        return f"{column.minimum:g} to {column.maximum:g}"
    if column.mean_length is not None:
        return f"{column.mean_length:.0f} characters" + (f", {column.alphabet}" if column.alphabet else "")
    return ""


def _summary(facts: EnvironmentFacts, profile: DataProfile) -> str:
    missing = [name for name in NEEDED if name not in {key.lower().replace("_", "-") for key in facts.packages}]
    lacks = f" Missing packages: {', '.join(missing)}." if missing else " All packages that the recipes use are there."
    return (
        f"{profile.rows} labelled rows with {len(profile.columns)} columns, {profile.test_rows} to predict;"
        f" {facts.cores} cores, {facts.memory_mb} MB, devices {', '.join(facts.devices) or 'none'}.{lacks}"
        " SETUP.md holds the facts. Written by rules, without a language model."
    )
