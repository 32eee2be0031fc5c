"""Models and images in, labels and submissions out."""

from seg.engine.ensemble import Ensemble
from seg.engine.prediction import Prediction

__all__ = ["Ensemble", "Prediction"]
