"""The prediction engine: from models and images to labels and submissions."""

from seg.engine.ensemble import Ensemble
from seg.engine.prediction import Prediction

__all__ = ["Ensemble", "Prediction"]
