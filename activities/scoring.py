"""The scorer's word, asked for by the workflow itself, and what invocations without a report have cost."""

import asyncio

from temporalio import activity

from activities.agent.journal import read
from activities.agent.purse import Purse
from activities.agent.records import answered, spent
from activities.attended import attended
from activities.workspace.layout import Layout
from activities.workspace.scorer import score_members
from schemas.budget import Spend
from schemas.delivery import AccountRequest, ScoreRequest
from schemas.metric import Score
from schemas.role import Caps


class ScoringActivities:
    """On the control queue; reads what jobs left and what is withheld."""

    @activity.defn(name="score")
    async def score(self, request: ScoreRequest) -> Score:
        async with attended("scoring"):
            layout = Layout.of(request.run)
            return await score_members(
                layout, request.task, request.members, request.method, threshold=request.threshold
            )

    @activity.defn(name="account")
    async def account(self, request: AccountRequest) -> Spend:
        layout = Layout.of(request.run)
        async with attended("reading what it cost"):
            records = await asyncio.to_thread(read, layout.journals(request.invocation))
            purse = Purse(layout.purse, Caps())
            await asyncio.to_thread(purse.recover, answered(records))
            await asyncio.to_thread(purse.close, request.invocation)
        return spent(records)
