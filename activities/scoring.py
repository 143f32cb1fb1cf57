"""The scorer's word, asked for by the workflow itself, and what invocations without a report have cost."""

import asyncio

from temporalio import activity

from activities.agent.journal import read
from activities.agent.purse import Purse
from activities.agent.records import answered, fell_back, spent
from activities.agent.searching import searches
from activities.attended import attended
from activities.execution.calling_off import call_off
from activities.workspace.layout import Layout
from activities.workspace.scorer import score_members
from schemas.delivery import Accounted, AccountRequest, ScoreRequest
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
    async def account(self, request: AccountRequest) -> Accounted:
        layout = Layout.of(request.run)
        async with attended("reading what it cost"):
            records = await asyncio.to_thread(read, layout.journals(request.invocation))
            purse = Purse(layout.purse, Caps())
            await asyncio.to_thread(purse.recover, answered(records))
            await asyncio.to_thread(purse.close, request.invocation)
            await asyncio.to_thread(call_off, layout.jobs, request.invocation)
        found = {"fell_back": fell_back(records), "searches": searches(records)}
        return Accounted.model_validate({**dict(spent(records)), **found})
