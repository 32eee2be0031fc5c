"""TensorRT as far as `seg.export.tensorrt_builder` calls it, where there is no GPU to build on.

What it cannot show: that a real builder takes what it is given, that a plan runs, or how fast.
"""

from types import SimpleNamespace
from typing import Any

calls: list[tuple[str, Any]] = []


class ILogger:
    Severity = SimpleNamespace(INTERNAL_ERROR=0, ERROR=1, WARNING=2)


class IProgressMonitor:
    pass


class OnnxParser:
    def __init__(self, network: "Network", logger: ILogger) -> None:
        pass

    def parse_from_file(self, path: str) -> bool:
        calls.append(("parse", path))
        return fails_to != "parse"

    def parse(self, model: bytes, path: str) -> bool:
        calls.append(("parse", path))
        calls.append(("model", model))
        return fails_to != "parse"

    def get_error(self, position: int) -> Any:
        return SimpleNamespace(node_name=lambda: "decoder/GridSample", desc=lambda: "no\nimporter")


class Network:
    pass


class Config:
    progress_monitor: Any = None

    def set_memory_pool_limit(self, pool: str, limit: int) -> None:
        calls.append(("memory", (pool, limit)))

    def add_optimization_profile(self, profile: Any) -> None:
        pass

    def create_timing_cache(self, known: bytes) -> Any:
        calls.append(("timing", known))
        return SimpleNamespace(serialize=lambda: b"timings")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        return not ignore_mismatch


class Builder:
    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def create_network(self, flags: int) -> Network:
        calls.append(("flags", flags))
        return Network()

    def create_builder_config(self) -> Config:
        return Config()

    def create_optimization_profile(self) -> Any:
        return SimpleNamespace(set_shape=lambda *shapes: calls.append(("profile", shapes)))

    def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        monitor.phase_start("Timing", "Building", 9)
        monitor.step_complete("Timing", 0)
        monitor.phase_finish("Timing")
        for step in range(2):
            monitor.step_complete("Building", step)
        monitor.phase_finish("Building")
        if fails_to == "build":
            self.logger.log(ILogger.Severity.WARNING, "a warning")
            self.logger.log(ILogger.Severity.ERROR, said)
            return None
        return b"a plan"


MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
fails_to = ""
said = ""
__version__ = "10.9.0"
