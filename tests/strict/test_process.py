"""The server as a process of its own, steered from outside."""

from pathlib import Path

from schemas.role import SetupRequest
from tests.models.world import common, opening
from tests.strict.process import running
from tests.strict.raw import body, post


def test_it_answers_fails_and_recovers_as_it_is_told(tmp_path: Path) -> None:
    [message] = opening(SetupRequest(**common("setup")))
    asked = body(message.model_dump(mode="json"))
    with running(tmp_path, "--thinks", "--key", "a-key", "--faults", "overloaded*") as strict:
        assert post(strict.url, asked, x_api_key="another").status == 401
        assert post(strict.url, asked).status == 529
        strict.set_faults("")
        answered = post(strict.url, asked)
        assert [block["type"] for block in answered.json["content"]][:2] == ["thinking", "text"]
        assert strict.counters()["faults"] == {"overloaded": 1}
        assert [line["status"] for line in strict.asked()] == [401, 529, 200]
