"""Runs with many workers: blocks of images go to workers, label maps come back into one journal."""

from seg.engine.cluster.run import run_on_cluster, run_on_devices

__all__ = ["run_on_cluster", "run_on_devices"]
