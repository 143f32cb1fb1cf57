"""Estimate, refit, final check and package: done by the system, with no agent's hand in it."""

import asyncio
from pathlib import Path

from temporalio import activity

from activities.attended import attended
from activities.delivery.bundle import bundle
from activities.delivery.work import Deliverer
from activities.execution import environments
from activities.execution.room import size_mb
from activities.fence import numbers
from activities.host import Host
from activities.workspace.layout import Layout
from activities.workspace.package import assemble
from schemas.delivery import (
    DeliveryRequest,
    Estimated,
    PackageRequest,
    Published,
    Refitted,
    Released,
    ReleaseRequest,
    Verified,
)


class DeliveryActivities:
    """`package` is on the control queue; the others run jobs, on the GPU queue."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @activity.defn(name="estimate")
    async def estimate(self, request: DeliveryRequest) -> Estimated:
        async with attended("scoring the choice on `report`"):
            return await self._deliverer(request).estimate()

    @activity.defn(name="refit")
    async def refit(self, request: DeliveryRequest) -> Refitted:
        async with attended("training on all labelled rows"):
            return await self._deliverer(request).refit()

    @activity.defn(name="verify")
    async def verify(self, request: DeliveryRequest) -> Verified:
        async with attended("the final check"):
            return await self._deliverer(request).verify()

    @activity.defn(name="release")
    async def release(self, request: ReleaseRequest) -> Released:
        async with attended("stopping what still runs"):
            jobs = self._host.jobs(request.run, request.sandbox or "auto")
            left = jobs.running()
            await jobs.stop_all()
            return Released(stopped=left)

    @activity.defn(name="package")
    async def package(self, request: PackageRequest) -> Published:
        delivery = request.delivery.model_copy(update={"attempt": request.attempt})
        layout = Layout.of(delivery.run)
        async with attended("packaging"):
            parts = await bundle(delivery, "packaged.refitted" if delivery.refitted else "packaged")
            blend = delivery.method != "single"
            weights = {m.candidate: parts.models[str(m.candidate) if blend else ""] for m in delivery.members}
            needed = await asyncio.to_thread(size_mb, [parts.code, *weights.values(), *parts.member_code.values()])
            self._host.room(delivery.run).check(needed)
            submission = request.verified.submission
            folder = await asyncio.to_thread(
                assemble,
                layout,
                delivery.task,
                delivery.members,
                delivery.method,
                weights,
                environments.lock(Path(delivery.environment)),
                code=parts.code,
                member_code=parts.member_code,
                verified=request.verified,
                refitted=delivery.refitted,
                submission=Path(submission) if submission else None,
                order=_order(delivery),
            )
        return Published(files=(str(folder),))

    def _deliverer(self, request: DeliveryRequest) -> Deliverer:
        """Raises LittleDisk where too little is left to begin."""
        self._host.room(request.run).check()
        return Deliverer(request, self._host.jobs(request.run, request.sandbox), self._host.limits())


def _order(delivery: DeliveryRequest) -> tuple[int, ...]:
    """Later choices count more, and of one choice the models from before the refit: they come once that failed."""
    return (*numbers(delivery.invocation), int(not delivery.refitted), delivery.attempt)
