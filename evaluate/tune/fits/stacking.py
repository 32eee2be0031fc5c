"""Fitting of a stacking: a multinomial logistic regression that begins at a mixture.

For each class it adds to the logarithm of the mixture's score a constant, and a sum of the logarithms of all
members' probabilities of all classes. A penalty on the squares of the coefficients pulls towards the mixture.

Sources: Wolpert, "Stacked Generalization", 1992; of the minimisation, Böhning, "Multinomial Logistic
Regression Algorithm", 1992, whose bound of the curvature is the same for all classes and never has to be
computed again; Nesterov, "A Method for Solving the Convex Programming Problem with Convergence Rate
O(1/k^2)", 1983.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.tie_break import MIN_PROBABILITY
from seg.spec.ensemble.stacking import LEAST_PROBABILITY, Stacking

DIGITS: Final = 4
"""Of coefficients, as they are written."""

MOST_PIXELS: Final = 10_000
"""The most pixels that are fitted on. Those of an image resemble each other, so more add little."""

MOST_COEFFICIENTS: Final = 5000
"""The most that are fitted: five members of 31 classes."""

PENALTY: Final = 1e-3
"""Of the sum of the squares, beside the mean cross-entropy in nats."""

CONSTANTS: Final = 0.1
"""The part of the penalty that constants have."""

BALANCE: Final = 0.3
"""A class's pixels count by its share to this negative power: 0 suits pixel accuracy, 1 mean accuracy."""

STEPS: Final = 40

ProbabilitiesMCN = NDArray[np.float32]
"""Probabilities of M members and C classes at n pixels."""

ScoresCN = NDArray[np.float32]
"""Scores of C classes at n pixels, whose logarithms are corrected."""


@dataclass(frozen=True, slots=True)
class FittedStacking:
    """Matrices of members, float64 `[M, C, C]`, and constants of classes, float64 `[C]`."""

    matrices_mcc: NDArray[np.float64]
    constants_c: NDArray[np.float64]

    def scaled(self, strength: float) -> Self:
        """So much of it."""
        return replace(
            self, matrices_mcc=strength * self.matrices_mcc, constants_c=strength * self.constants_c
        )

    def corrected(self, scores_cn: ScoresCN, probabilities_mcn: ProbabilitiesMCN) -> ScoresCN:
        """The scores that it makes of a mixture's: those of `StackedMerge`, of any scale at each pixel."""
        classes = len(scores_cn)
        rows_cf = self.matrices_mcc.transpose(1, 0, 2).reshape(classes, -1).astype(np.float32)
        logits_cn = rows_cf @ _logarithms_to_stack(probabilities_mcn)
        logits_cn += self.constants_c[:, None].astype(np.float32)
        logits_cn += np.log(np.maximum(scores_cn, np.float32(MIN_PROBABILITY)))
        return np.asarray(np.exp(logits_cn - logits_cn.max(0)))

    def as_stacking(self, is_running_m: NDArray[np.bool_]) -> Stacking:
        """The same as it is written, with matrices of the members that run."""
        matrices = self.matrices_mcc.round(DIGITS)
        return Stacking(
            tuple(self.constants_c.round(DIGITS).tolist()),
            tuple(
                tuple(map(tuple, rows.tolist())) if runs else ()
                for rows, runs in zip(matrices, is_running_m, strict=True)
            ),
        )


def fit_stacking(
    scores_cn: ScoresCN, probabilities_mcn: ProbabilitiesMCN, truth_n: NDArray[np.uint8]
) -> FittedStacking:
    """The correction of a mixture's scores by penalised maximum likelihood."""
    members, classes, pixels = probabilities_mcn.shape
    logarithms_fn = _logarithms_to_stack(probabilities_mcn).reshape(members, classes, pixels)
    # Centred, so that a member's scale at a pixel does not matter; the coefficients of a row then sum to 0.
    centred_fn = (logarithms_fn - logarithms_fn.mean(1, keepdims=True)).reshape(-1, pixels)
    features_fn = np.concatenate([centred_fn, np.ones((1, pixels), np.float32)])
    offset_cn = np.log(np.maximum(scores_cn, np.float32(MIN_PROBABILITY)))
    coefficients_cf = _minimise_stacking_loss(features_fn, offset_cn, truth_n)
    matrices_cmc = coefficients_cf[:, :-1].reshape(classes, members, classes)
    matrices_mcc = matrices_cmc.transpose(1, 0, 2).astype(np.float64)
    matrices_mcc -= matrices_mcc.mean(-1, keepdims=True)
    return FittedStacking(matrices_mcc, coefficients_cf[:, -1].astype(np.float64))


def _minimise_stacking_loss(
    features_fn: NDArray[np.float32], offset_cn: NDArray[np.float32], truth_n: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Coefficients `[C, F]` of the least cross-entropy and penalty, by steps that a bound allows."""
    classes = len(offset_cn)
    weight_n = _weights_of_pixels(truth_n, classes)
    truth_cn = np.eye(classes, dtype=np.float32)[truth_n].T
    penalty_f = np.full(len(features_fn), 2 * PENALTY, np.float32)
    penalty_f[-1] *= CONSTANTS
    bound_ff = (features_fn * weight_n) @ features_fn.T / 2 + np.diag(penalty_f)
    inverse_ff = np.linalg.inv(bound_ff.astype(np.float64)).astype(np.float32)
    reached_cf = ahead_cf = np.zeros((classes, len(features_fn)), np.float32)
    momentum = 1.0
    for _ in range(STEPS):
        logits_cn = offset_cn + ahead_cf @ features_fn
        exponentials_cn = np.exp(logits_cn - logits_cn.max(0))
        excess_cn = (exponentials_cn / exponentials_cn.sum(0) - truth_cn) * weight_n
        before_cf = reached_cf
        reached_cf = ahead_cf - (excess_cn @ features_fn.T + penalty_f * ahead_cf) @ inverse_ff
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead_cf = reached_cf + np.float32((momentum - 1) / following) * (reached_cf - before_cf)
        momentum = following
    return reached_cf


def _weights_of_pixels(truth_n: NDArray[np.uint8], classes: int) -> NDArray[np.float32]:
    """How much each pixel counts; they sum to 1."""
    share_c = np.maximum(np.bincount(truth_n, minlength=classes), 1) / len(truth_n)
    weight_n = (share_c**-BALANCE)[truth_n]
    return np.asarray(weight_n / weight_n.sum(), dtype=np.float32)


def _logarithms_to_stack(probabilities_mcn: ProbabilitiesMCN) -> NDArray[np.float32]:
    """`[M C, n]`."""
    logarithms_mcn = np.log(np.maximum(probabilities_mcn, np.float32(LEAST_PROBABILITY)))
    return np.asarray(logarithms_mcn.reshape(-1, logarithms_mcn.shape[-1]))
