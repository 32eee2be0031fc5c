"""A logistic regression of members' logits for each class that may overlap others."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seg.evaluate.tune.overlapping.sampled_members import SampledMembers

STEPS = 100
PENALTY = 1e-3
LEAST = 1e-4
"""Of a probability and of its complement, before the logit."""


@dataclass(frozen=True)
class LogitStack:
    """Weights of members `[C, M]` and constants `[C]`."""

    weights_cm: NDArray[np.float32]
    constants_c: NDArray[np.float32]

    def merged(self, members_mchw: NDArray[np.floating]) -> NDArray[np.float32]:
        """Probabilities `[C, ...]` from those of members, `[M, C, ...]`."""
        logits = np.einsum("cm,mc...->c...", self.weights_cm, logits_of(members_mchw))
        constants = self.constants_c.reshape(-1, *[1] * (logits.ndim - 1))
        return np.asarray(1 / (1 + np.exp(-logits - constants)), dtype=np.float32)


def fit_stack(members: SampledMembers) -> LogitStack:
    """The regression of the highest likelihood, with a small penalty on what departs from the mean logit."""
    fitted = [
        _fit_logits_of_class(logits_of(members.probabilities_mcin[:, label]), members.truth_cin[label])
        for label in range(len(members.truth_cin))
    ]
    return LogitStack(np.stack([weights for weights, _ in fitted]), np.array([one for _, one in fitted]))


def _fit_logits_of_class(
    logits_min: NDArray[np.float32], truth_in: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    features = torch.from_numpy(logits_min.reshape(len(logits_min), -1).T.copy())
    labels = torch.from_numpy(truth_in.ravel().astype(np.float32))
    change = torch.zeros(len(logits_min), requires_grad=True)
    constant = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([change, constant], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        merged = features @ (change + 1 / len(change)) + constant
        value = functional.binary_cross_entropy_with_logits(merged, labels) + PENALTY * change.square().sum()
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return (change + 1 / len(change)).detach().numpy(), float(constant.detach())


def logits_of(probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    kept = np.clip(probabilities.astype(np.float32), LEAST, 1 - LEAST)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float32)
