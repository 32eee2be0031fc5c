"""The views of each member that are worth their passes."""

from collections.abc import Callable
from typing import Final

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import gain_error_across_groups
from seg.evaluate.tune.scorer import PixelScorer
from seg.metrics.image_tallies import ImageTallies
from seg.views import VIEW_SETS

UPRIGHT: Final = VIEW_SETS["none"]


def useful_views_of_members(scorer: PixelScorer, group_i: GroupI) -> tuple[Views, ...]:
    """Each member's views without those that lower its score by more than one standard error across groups.

    One view always stays. With one group, all do.
    """

    def useful_of(member: int) -> Views:
        def judge(views: Views) -> ImageTallies:
            of_members = [views if position == member else UPRIGHT for position in range(len(scorer.names))]
            return scorer.judge(Mixture.single(member, of_members))

        views = scorer.views[member]
        is_whole = scorer.knows_all_classes(Mixture.single(member, scorer.views))
        return without_harmful_views(views, judge, group_i) if is_whole else views

    return tuple(map(useful_of, range(len(scorer.names))))


def without_harmful_views(views: Views, judge: Callable[[Views], ImageTallies], group_i: GroupI) -> Views:
    """The views of a member, dropped one by one while that gains more than its standard error."""
    judged = judge(views)
    while len(views) > 1:
        shorter = [tuple(view for view in views if view != dropped) for dropped in views]
        judged_of = {fewer: judge(fewer) for fewer in shorter}
        winner = max(judged_of, key=lambda fewer: judged_of[fewer].score)
        gain = judged_of[winner].score - judged.score
        if not gain > gain_error_across_groups(judged_of[winner], judged, group_i):
            break
        views, judged = winner, judged_of[winner]
    return views
