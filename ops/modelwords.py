"""What is said of the models before a run starts."""

from schemas.run import RunSettings

PLAYBOOK = "playbook"


def first_lines(settings: RunSettings) -> list[str]:
    """Which model it is, and how to use Claude."""
    if {settings.model, *settings.models.values()} == {PLAYBOOK}:
        return [
            "Model: playbook, a rule-based engineer. No language model is used: no key, no network, no cost.",
            "Claude: --model claude-NAME with ANTHROPIC_API_KEY set, in a version that includes its client; "
            "this one includes only the playbook.",
        ]
    return [f"Model: {settings.model}" + "".join(f", {role}: {name}" for role, name in settings.models.items())]


def check_models(settings: RunSettings) -> None:
    """BadInput for a model that this version cannot ask."""
    # imported here: the playbook brings its recipes, which only a start needs
    from activities.models.factory import model

    for name in dict.fromkeys((settings.model, *settings.models.values())):
        model(name)
