"""Time, CPU and memory of the driver and of every worker, sampled with psutil."""

from pydantic import BaseModel, Field


class ProcessUsage(BaseModel):
    """What one process used while it was watched."""

    cpu_s: float = 0.0
    peak_rss: int = Field(0, description="Bytes.")


class Usage(BaseModel):
    """What a piece of work used: wall time, CPU time and memory, driver and workers apart."""

    wall_s: float = 0.0
    cpu_s: float = Field(0.0, description="CPU seconds of all processes together.")
    cpu_percent: float = Field(0.0, description="cpu_s / wall_s x 100; 200 means two full cores.")
    peak_rss: int = Field(0, description="Bytes: highest sum over all processes at one moment.")
    driver: ProcessUsage = Field(default_factory=ProcessUsage)
    workers: dict[str, ProcessUsage] = Field(default_factory=dict)
    series: list[tuple[float, str, float, float]] = Field(
        default_factory=list, description="(unix time s, process name, CPU %, RSS bytes) a sample."
    )
