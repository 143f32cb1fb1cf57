"""Which variables a process was started with is known; what they hold is not."""

from ops.surroundings import Surroundings, change, named, present

KEY = "sk-ant-planted-key"
HERE = {"ANTHROPIC_API_KEY": KEY, "PATH": "/bin", "HF_TOKEN": "hf-planted"}


def test_a_record_names_variables_and_holds_no_value() -> None:
    found = present(HERE)
    assert found.names == ("ANTHROPIC_API_KEY", "HF_TOKEN")
    assert KEY not in found.model_dump_json()
    assert "hf-planted" not in found.model_dump_json()


def test_the_same_key_has_another_digest_in_each_record() -> None:
    one, other = present(HERE), present(HERE)
    assert one.groups["Anthropic"].digest != other.groups["Anthropic"].digest


def test_what_did_not_change_is_no_change() -> None:
    assert change(present(HERE), {**HERE, "PATH": "/usr/bin"}) == change(Surroundings(), {})


def test_another_key_or_address_and_a_new_key_are_a_change_of_their_group() -> None:
    theirs = present(HERE)
    assert change(theirs, {**HERE, "ANTHROPIC_API_KEY": "sk-ant-other"}).differ == ("Anthropic",)
    assert change(theirs, {**HERE, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}).differ == ("Anthropic",)
    assert change(theirs, {**HERE, "AWS_REGION": "eu-west-1"}).differ == ("Amazon",)
    assert change(Surroundings(), HERE).differ == ("Anthropic", "hub")


def test_a_shell_without_keys_changes_nothing_and_it_is_known_what_it_lacks() -> None:
    found = change(present(HERE), {"PATH": "/bin"})
    assert (found.differ, found.absent) == ((), ("Anthropic", "hub"))


def test_a_variable_that_is_empty_is_not_set() -> None:
    assert present({"ANTHROPIC_API_KEY": ""}).names == named("Anthropic", {"ANTHROPIC_API_KEY": ""}) == ()
