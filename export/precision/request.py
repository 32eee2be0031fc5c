"""Whether an exported model is what a request asks for."""

from seg.models.card import ModelCard
from seg.spec import ExportSpec


def fulfils_precision_request(card: ModelCard, request: ExportSpec) -> bool:
    """Whether the precision and the opset in a card are those that are asked for, under the same limits."""
    choice = card.precision_choice
    if request.opset not in (None, card.opset):
        return False
    if choice is None:
        return card.precision == request.precision
    asked = (choice.asked, choice.least_agreement, choice.largest_loss)
    return asked == (request.precision, request.least_agreement, request.largest_loss)
