"""What anybody may read holds no key, whoever wrote it."""

import pytest

from activities.hiding import HIDDEN, hidden

KEY = "sk-ant-api03-a-planted-key_AAAA"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "/wJalrXUtnFEMI+bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "of-a-gateway")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-team: vision\nx-pass: open-sesame-please")
    monkeypatch.setenv("MAX_TOKENS", "200000000")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"invalid key {KEY}.", f"invalid key {HIDDEN}."),
        (f"{{'X-Api-Key': '{KEY}', 'accept': '*/*'}}", f"{{'X-Api-Key': '{HIDDEN}', 'accept': '*/*'}}"),
        ("Authorization: Bearer abc.def.ghi, and more", f"Authorization: {HIDDEN}, and more"),
        ("('authorization', 'Bearer abcdefgh')", f"('authorization', '{HIDDEN}')"),
        ("http://me:secret@127.0.0.1:8080/v1", f"http://{HIDDEN}@127.0.0.1:8080/v1"),
        ("signed with /wJalrXUtnFEMI+bPxRfiCYEXAMPLEKEY here", f"signed with {HIDDEN} here"),
        ("AKIAIOSFODNN7EXAMPLE", HIDDEN),
        ("hf_abcdefghijkl", HIDDEN),
        ("token of-a-gateway was refused", f"token {HIDDEN} was refused"),
        ("x-pass is open-sesame-please", f"x-pass is {HIDDEN}"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln is a token", f"{HIDDEN} is a token"),
    ],
)
def test_what_is_a_key_or_looks_like_one_is_taken_out(text: str, shown: str) -> None:
    assert hidden(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "12,345 tokens in 3 calls; the key of the table is id",
        "a risk-averse-learner and a disk-based-store",
        "http://127.0.0.1:8233/namespaces/default/workflows/toy-1",
        "200000000 tokens",
        "AttributeError: 'NoneType' object has no attribute 'keys'",
        "",
    ],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert hidden(text) == text
