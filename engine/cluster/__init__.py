"""The engine on many machines: blocks of images go to workers, label maps come back into the one journal."""

from seg.engine.cluster.run import run_on_cluster

__all__ = ["run_on_cluster"]
