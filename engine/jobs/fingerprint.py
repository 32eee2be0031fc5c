"""Fingerprints: hashes of everything that labels depend on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from seg.data import Sample
from seg.engine.resolved import ResolvedEnsemble
from seg.labels.task import classes_overlap
from seg.spec.ensemble.decision import DecisionSpec


def ensemble_fingerprint(resolved: ResolvedEnsemble) -> str:
    """The hash of the models' content, weights, covered classes, temperatures, views, merge, class factors,
    stacking, tiles and grid.
    """
    spec = resolved.spec
    return _hash_of_facts(
        {
            "members": [
                (
                    file.fingerprint,
                    member.weight,
                    member.class_weights,
                    member.temperature,
                    spec.views_of(member),
                    *([member.covers] if member.covers else []),
                )
                for member, file in zip(spec.running, resolved.files, strict=True)
            ],
            "merge": spec.merge,
            "class_factors": spec.class_factors,
            "tile": spec.tile and spec.tile.model_dump(exclude_none=True),
            "size": spec.output.size,
            # Earlier versions interpolated logarithms, so their runs and calibrations are of other labels.
            **({"merge_at": "decoder", "interpolated": "linear"} if spec.merge_at == "decoder" else {}),
            **({"decision": spec.decision.model_dump()} if spec.decision != DecisionSpec() else {}),
            **({"stacking": spec.stacking.coefficients} if spec.stacking else {}),
            **({"task": spec.data.task} if classes_overlap(spec.data.task) else {}),
            **({"read at": asdict(spec.data.read_scale)} if spec.data.read_scale else {}),
        }
    )


def run_fingerprint(
    resolved: ResolvedEnsemble, samples: Sequence[Sample], *, has_deadline: bool = False
) -> str:
    """The hash of the ensemble, its stopping, the images' names, and whether a deadline may drop passes.

    The runtime is not included: all runtimes agree closely enough for a run to continue on another one.
    """
    return _hash_of_facts(
        {
            "ensemble": ensemble_fingerprint(resolved),
            "stopping": resolved.spec.stopping and resolved.spec.stopping.model_dump(),
            "images": [
                (sample.id, sample.image.name, *(path.name for path in sample.stack)) for sample in samples
            ],
            **({"in haste": True} if has_deadline else {}),
        }
    )


def _hash_of_facts(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
