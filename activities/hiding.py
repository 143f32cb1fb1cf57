"""Keys and tokens are taken out of words that anybody may read: of logs, errors, history."""

import os
import re

HIDDEN = "***"
SHORTEST = 8  # characters of a value that is worth hiding, and that occurs by no chance
HEADERS = "ANTHROPIC_CUSTOM_HEADERS"  # of requests, a line for each
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")  # in the name of a variable
LIKE_A_KEY = re.compile(
    r"\bsk-[\w-]{8,}"  # Anthropic's, and those of servers that do as it does
    r"|\bhf_\w{8,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # tokens of clouds
    r"|(?i:(?<=bearer )[\w.~+/=-]{8,})"
    r"|(?i:(?<=://)[^\s/@:]*:[^\s/@]+(?=@))"  # a password in an address
)
HEADER = re.compile(
    r"(?i)\b(x-api-key|api-key|authorization|proxy-authorization|x-amz-security-token)(['\"]?\s*[:=,]\s*(?:b?['\"])?)"
    r"(?:(?:bearer|basic)\s+)?[^\s'\",)}\]]+"
)


def hidden(text: str) -> str:
    """The text without what is a key of this process, or looks like one."""
    for secret in secrets():
        text = text.replace(secret, HIDDEN)
    return LIKE_A_KEY.sub(HIDDEN, HEADER.sub(rf"\1\2{HIDDEN}", text))


def secrets() -> tuple[str, ...]:
    """What must not be shown, as this process has it: keys and tokens of whatever is reached from here."""
    named = [value for name, value in os.environ.items() if SECRET.search(name)]
    named += [line.partition(":")[2] for line in os.environ.get(HEADERS, "").splitlines()]
    values = {value.strip() for value in named}
    return tuple(sorted((one for one in values if len(one) >= SHORTEST and not one.isdigit()), key=len, reverse=True))
