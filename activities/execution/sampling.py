"""What a step takes over its time: means and peaks, and some tens of samples however long it runs."""

from activities.execution.nvidia import Reading
from activities.execution.processes import Usage
from schemas.job import Sample, Use

FIRST_EVERY = 1.0  # seconds between samples at first; it doubles whenever there are too many
MOST = 60


class Sampler:
    """Fed at every look at the step's processes. `shared`: other jobs may have parts of its GPUs."""

    def __init__(self, step: str, *, shared: bool = False) -> None:
        self._step = step
        self._shared = shared
        self._every = FIRST_EVERY
        self._last = 0.0
        self._cpu_seconds = 0.0
        self._areas = {"cores": 0.0, "memory_mb": 0.0, "gpu_percent": 0.0, "gpu_memory_mb": 0.0}
        self._with_gpu = 0.0  # seconds for which the GPU was known
        self.peak_memory_mb = 0.0
        self._peak_gpu_memory = 0.0
        self.samples: list[Sample] = []

    def look(self, at: float, usage: Usage, gpu: Reading | None) -> None:
        self.peak_memory_mb = max(self.peak_memory_mb, usage.memory_mb)
        if gpu is not None:
            self._peak_gpu_memory = max(self._peak_gpu_memory, gpu.memory_mb)
        if at - self._last >= self._every:
            self._take(at, usage, gpu)

    def use(self) -> Use | None:
        """None of a step that was too short to be sampled."""
        if not self._last:
            return None
        known, with_gpu = self._last, self._with_gpu
        return Use(
            cores=round(self._areas["cores"] / known, 2),
            memory_mb=round(self._areas["memory_mb"] / known, 1),
            peak_memory_mb=round(self.peak_memory_mb, 1),
            gpu_percent=round(self._areas["gpu_percent"] / with_gpu, 1) if with_gpu else None,
            gpu_memory_mb=round(self._areas["gpu_memory_mb"] / with_gpu, 1) if with_gpu else None,
            peak_gpu_memory_mb=round(self._peak_gpu_memory, 1) if with_gpu else None,
            gpu_shared=self._shared and bool(with_gpu),
        )

    def _take(self, at: float, usage: Usage, gpu: Reading | None) -> None:
        passed = at - self._last
        cores = max(usage.cpu_seconds - self._cpu_seconds, 0.0) / passed
        self._last, self._cpu_seconds = at, usage.cpu_seconds
        self._areas["cores"] += cores * passed
        self._areas["memory_mb"] += usage.memory_mb * passed
        if gpu is not None:
            self._with_gpu += passed
            self._areas["gpu_percent"] += gpu.percent * passed
            self._areas["gpu_memory_mb"] += gpu.memory_mb * passed
        self.samples.append(
            Sample(
                step=self._step,
                at=round(at, 1),
                cores=round(cores, 2),
                memory_mb=round(usage.memory_mb, 1),
                gpu_percent=gpu.percent if gpu else None,
                gpu_memory_mb=gpu.memory_mb if gpu else None,
            )
        )
        if len(self.samples) > MOST:
            self.samples = self.samples[1::2]
            self._every *= 2
