"""What an invocation that never reported has cost, by its journal."""

from schemas.base import RunRef
from schemas.budget import Spend
from schemas.delivery import AccountRequest
from workflows.attempts import Attempts, GivenUp
from workflows.calls import ACCOUNT


async def account(attempts: Attempts, run: RunRef, invocation: str) -> Spend:
    """Its spend; unknown where the journal cannot be read."""
    name = f"account.{invocation}"
    asked = AccountRequest(run=run, invocation=invocation)
    try:
        return await attempts.run(ACCOUNT, asked, invocation=name, summary=name)
    except GivenUp:
        return Spend(dollars=None)
