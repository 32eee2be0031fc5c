"""Models and images in, labels and submissions out."""

from seg.engine.ensemble import Ensemble, Prediction

__all__ = ["Ensemble", "Prediction"]
