"""From labelled images to a winning submission, and from checkpoints to one deployable file.

    import seg

    ensemble = seg.load("mine.yaml")    # or seg.load(["a.onnx", "b.onnx"], views="d4")
    prediction = ensemble.predict("photo.jpg")
    prediction.labels, prediction.probabilities, prediction.confidence

What is named here is imported when it is first used, so that `import seg` itself loads nothing heavy.
"""

from seg.lazy import lazy_public_names

TYPE_CHECKING = False
"""As `typing` has it, whose import takes longer than that of all else here."""

if TYPE_CHECKING:
    from seg import evaluate, export
    from seg.engine.api import load
    from seg.engine.ensemble import Ensemble
    from seg.engine.prediction import Prediction

__version__ = "0.6.0"
__all__ = ["Ensemble", "Prediction", "__version__", "evaluate", "export", "load"]

__getattr__ = lazy_public_names(
    __name__,
    {
        "Ensemble": "seg.engine.ensemble",
        "Prediction": "seg.engine.prediction",
        "evaluate": "seg.evaluate",
        "export": "seg.export",
        "load": "seg.engine.api",
    },
)


def __dir__() -> list[str]:
    return __all__
