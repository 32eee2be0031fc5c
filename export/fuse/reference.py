"""What a fused model is compared with: the engine on the CPU."""

from dataclasses import replace

from seg.engine import Ensemble
from seg.engine.merging.decision import Decision
from seg.export.fuse.check import LEAST_LEAD, EngineReference, ExpectedFusedOutput
from seg.image_type import ImageHWB
from seg.spec import EnsembleSpec


def reference_of(spec: EnsembleSpec) -> EngineReference:
    """The engine's labels and probabilities of an image, and where a tie decided the labels."""
    ensemble = Ensemble.load(spec.model_copy(update={"runtime": "cpu"}))
    apart, task = replace(ensemble, merge="mean"), ensemble.task
    decision = ensemble.decision()
    passes = [
        apart.only([member.name]).with_views((view,)) for member in ensemble.members for view in member.views
    ]

    def reference(image_hwc: ImageHWB) -> ExpectedFusedOutput:
        merged = ensemble.predict(image_hwc)
        tied_hw = Decision(task=task).margins(merged.probabilities) < LEAST_LEAD
        tied_hw |= decision.margins(merged.probabilities) < LEAST_LEAD
        # A tie within one pass turns its vote, whatever the others say.
        for one in passes if spec.merge == "vote" else ():
            tied_hw |= Decision(task=task).margins(one.predict(image_hwc).probabilities) < LEAST_LEAD
        return ExpectedFusedOutput(merged.labels, merged.probabilities, tied_hw, merged.confidence, task)

    return reference
