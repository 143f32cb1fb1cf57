"""The jobs of one run on this host. Any number of workers may hold one of these for the same folder at a time."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from activities.errors import LittleDisk, NeedsPerson
from activities.execution import output, processes, surroundings
from activities.execution.folder import JobFolder, Order
from activities.handing import DEVICES, ENGINES, handed_on
from schemas.job import JobSpec, JobState

PROJECT = Path(__file__).parents[2]
SHORTEST, LONGEST, GROWTH = 0.02, 0.25, 1.3  # seconds between looks at a state, growing
ALIVE_LOOK = 1.0
STOOD = 1.0  # seconds that a job stands still before who waits for it hears of that
MOST_FAILURES = 3
NEVER = datetime.max.replace(tzinfo=UTC)
BEYOND_GRACE = 30.0  # for a supervisor to end after the grace it gives; then it is killed


class LocalJobs:
    """Jobs in folders below `folder`, each under a supervisor that outlives this process."""

    def __init__(
        self,
        folder: Path,
        home: Path,
        devices: tuple[str, ...],
        sandbox: str = "auto",
        room: Callable[[], None] = lambda: None,
    ) -> None:
        """`room` raises LittleDisk where too little is left to start anything."""
        self._folder = folder
        self._home = home
        self._devices = devices
        self._sandbox = sandbox
        self._room = room
        self._failures: dict[str, list[subprocess.Popen[bytes]]] = {}

    async def start(self, spec: JobSpec, *, id: str) -> JobState:
        return await asyncio.to_thread(self._start, spec, id)

    async def wait(self, id: str, *, until: datetime) -> JobState:
        """A job whose supervisor died meanwhile is taken up again. Raises LittleDisk once it stands still for that."""
        since: float | None = None
        async for state in self._looks(id, until):
            since = (since or time.monotonic()) if self._stands_still(state) else None
            if since is not None and time.monotonic() - since >= STOOD:
                words = f"job {id} stands still, as little disk is left at {state.held}"
                raise LittleDisk(f"{words}: delete or move what is not needed there", Path(str(state.held)))
        return state

    def _stands_still(self, state: JobState) -> bool:
        """A supervisor that died holds nothing, whatever it wrote."""
        return state.held is not None and JobFolder.of(self._folder, state.id).supervised

    async def _end(self, id: str) -> JobState:
        async for state in self._looks(id, NEVER):
            if state.ended:
                return state
        raise AssertionError("it was looked at until it ended")

    async def _looks(self, id: str, until: datetime) -> AsyncIterator[JobState]:
        """Its states, of which the last is its end, or that at the time."""
        pause, look = SHORTEST, 0.0
        while True:
            state = self.state(id)
            yield state
            if state.ended or datetime.now(UTC) >= until:
                return
            if time.monotonic() >= look:
                await asyncio.to_thread(self._ensure, id)
                look = time.monotonic() + ALIVE_LOOK
            await asyncio.sleep(min(pause, max((until - datetime.now(UTC)).total_seconds(), 0)))
            pause = min(pause * GROWTH, LONGEST)

    async def stop(self, id: str) -> JobState:
        """A job that never started counts as stopped, and may still be started."""
        folder = JobFolder.of(self._folder, id)
        if not folder.exists:
            now = datetime.now(UTC)
            return JobState(id=id, purpose="run", phase="stopped", queued_at=now, ended_at=now)
        if self.state(id).ended:
            return self.state(id)
        await asyncio.to_thread(folder.ask_to_stop)
        patience = folder.grace_seconds + BEYOND_GRACE
        try:
            async with asyncio.timeout(patience):
                return await self._end(id)
        except TimeoutError:
            _kill_supervisor(folder)
            return await self._end(id)

    def log(self, id: str, *, characters: int = 6_000) -> str:
        return output.read(JobFolder.of(self._folder, id).log, characters)

    def state(self, id: str) -> JobState:
        """Raises FileNotFoundError if no such job was started."""
        return JobFolder.of(self._folder, id).state()

    def running(self) -> tuple[str, ...]:
        """The jobs that were started and did not end."""
        if not self._folder.is_dir():
            return ()
        folders = sorted(path for path in self._folder.iterdir() if (path / "spec.json").is_file())
        return tuple(path.name for path in folders if not JobFolder(path).state().ended)

    def supervised(self) -> tuple[str, ...]:
        """Those of them that a supervisor runs now; nothing runs of the others."""
        return tuple(id for id in self.running() if JobFolder(self._folder / id).supervised)

    async def stop_all(self) -> None:
        """For the end of a run: no process is left of any of its jobs."""
        await asyncio.gather(*(self.stop(id) for id in self.running()))

    def _start(self, spec: JobSpec, id: str) -> JobState:
        folder = JobFolder.of(self._folder, id)
        if not folder.exists:
            self._room()
            for step in spec.steps if self._sandbox != "none" else ():
                if problem := surroundings.obstacle(spec.environment, step):
                    raise NeedsPerson(problem)
            folder.place(
                Order(
                    id=id,
                    spec=spec,
                    sandbox=self._sandbox,
                    ordered_at=datetime.now(UTC),
                )
            )
        self._ensure(id)
        return folder.state()

    def _ensure(self, id: str) -> None:
        """Starts a supervisor if the job needs one and has none. Where two are started, the lock lets one live."""
        folder = JobFolder.of(self._folder, id)
        if folder.state().ended or folder.supervised:
            return
        started = self._failures.setdefault(id, [])
        if started and started[-1].poll() is None:
            return  # it is on its way to the lock
        failed = [process for process in started if process.returncode > 0]
        if len(failed) >= MOST_FAILURES:
            raise RuntimeError(f"no supervisor of job {id} could be started: {_last_words(folder)}")
        started.append(_spawn(folder, self._home, self._devices))


def _spawn(folder: JobFolder, home: Path, devices: tuple[str, ...]) -> subprocess.Popen[bytes]:
    arguments = [str(folder.path.resolve()), str(home.resolve()), ",".join(devices)]
    with folder.supervisor_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *processes.SUPERVISOR, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=PROJECT,
            env=handed_on(ENGINES, DEVICES),
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it is no zombie while this worker lives
    return process


def _last_words(folder: JobFolder) -> str:
    return folder.supervisor_log.read_text(errors="replace").strip()[-2_000:] or "it said nothing"


def _kill_supervisor(folder: JobFolder) -> None:
    """The end of a supervisor is the end of its job's processes."""
    for process in processes.supervisors(str(folder.path.resolve())):
        with suppress(psutil.NoSuchProcess):
            process.kill()
