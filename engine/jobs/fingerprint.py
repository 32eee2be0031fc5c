"""A hash of what decides labels: two runs with the same one give the same labels."""

import hashlib
import json
from collections.abc import Sequence

from seg.data import Sample
from seg.files import sha256_of
from seg.spec import EnsembleSpec


def ensemble_fingerprint(spec: EnsembleSpec) -> str:
    """Of the models' content, weights, temperatures and views, of merge, class factors, tiles and grid."""
    return _hash(
        {
            "members": [
                (
                    sha256_of(spec.model(member)),
                    member.weight,
                    member.class_weights,
                    member.temperature,
                    spec.views_of(member),
                )
                for member in spec.running
            ],
            "merge": spec.merge,
            "class_factors": spec.class_factors,
            "tile": spec.tile and spec.tile.model_dump(),
            "size": spec.output.size,
            **({"merge_at": "decoder"} if spec.merge_at == "decoder" else {}),
        }
    )


def run_fingerprint(spec: EnsembleSpec, samples: Sequence[Sample], *, has_deadline: bool = False) -> str:
    """Of the ensemble, its stopping, the images' names, and whether passes may be dropped for lack of time.

    The runtime is not in it: all that `seg` runs on agree closely enough for a run to change over.
    """
    return _hash(
        {
            "ensemble": ensemble_fingerprint(spec),
            "stopping": spec.stopping and spec.stopping.model_dump(),
            "images": [(sample.id, sample.image.name) for sample in samples],
            **({"in haste": True} if has_deadline else {}),
        }
    )


def _hash(said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
