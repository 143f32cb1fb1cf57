"""What programs that are started from here get of this process's variables: what they need, and never a key of models.

A worker's environment holds keys. What it starts outside the sandbox is asked for by name or family, so that a variable
nobody thought of stays where it is.
"""

import os
import re

USUAL = r"PATH|HOME|USER|LANG|LC_\w+|TMPDIR|TZ|XDG_\w+|LD_LIBRARY_PATH"
NETWORK = r"SSL_\w+|(?i:\w+_proxy)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NETRC"
INSTALLERS = rf"{NETWORK}|UV_\w+|PIP_\w+"  # with the passwords of their own indexes, and of no other place
ENGINES = r"DOCKER_\w+|CONTAINER_\w+"
DEVICES = r"CUDA_VISIBLE_DEVICES"


def handed_on(*families: str) -> dict[str, str]:
    """The usual variables, and those whose names match one of the families."""
    wanted = re.compile("|".join((USUAL, *families)))
    return {name: value for name, value in os.environ.items() if wanted.fullmatch(name)}
