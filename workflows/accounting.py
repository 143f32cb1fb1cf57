"""What an invocation that never reported has cost, by its journal."""

from schemas.base import RunRef
from schemas.delivery import Accounted, AccountRequest
from workflows.attempts import Attempts, GivenUp
from workflows.calls import ACCOUNT


async def account(attempts: Attempts, run: RunRef, invocation: str) -> Accounted:
    """Its spend, which is unknown where the journal cannot be read, and what it was for."""
    name = f"account.{invocation}"
    asked = AccountRequest(run=run, invocation=invocation)
    try:
        return await attempts.run(ACCOUNT, asked, invocation=name, summary=name)
    except GivenUp:
        return Accounted(dollars=None)
