"""From labelled images to a winning submission, and from checkpoints to one deployable file.

    import seg

    ensemble = seg.load("mine.yaml")    # or seg.load(["a.onnx", "b.onnx"], views="d4")
    prediction = ensemble.predict("photo.jpg")
    prediction.labels, prediction.probabilities, prediction.confidence

What is named here is imported when it is first used, so that `import seg` itself loads nothing heavy.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from seg.engine.api import load
    from seg.engine.ensemble import Ensemble
    from seg.engine.prediction import Prediction

__version__ = "0.1.0"
__all__ = ["Ensemble", "Prediction", "__version__", "load"]

_MODULE_OF: Final = {
    "Ensemble": "seg.engine.ensemble",
    "Prediction": "seg.engine.prediction",
    "load": "seg.engine.api",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'seg' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
