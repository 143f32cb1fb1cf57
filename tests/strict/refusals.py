"""Errors as the API words them."""

import json
from collections.abc import Mapping

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class Refused(Exception):
    """No reply: a status, a message, and perhaps headers."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    @property
    def kind(self) -> str:
        return KINDS[self.status]

    def body(self, request_id: str) -> bytes:
        error = {"type": self.kind, "message": self.message}
        return json.dumps({"type": "error", "error": error, "request_id": request_id}).encode()


def invalid(message: str) -> Refused:
    return Refused(400, message)
