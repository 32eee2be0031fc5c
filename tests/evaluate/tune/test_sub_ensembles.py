"""What members are worth and what cheaper sub-ensembles lose, against brute force."""

import itertools
import math
from pathlib import Path

import pytest

from seg.errors import SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune import tune_mixture
from seg.evaluate.tune.cost.budget import Budget
from seg.evaluate.tune.cost.importance import disagreement_of_members, value_members
from seg.evaluate.tune.cost.pareto_plot import draw_pareto
from seg.evaluate.tune.cost.sub_ensembles import pareto_sub_ensembles, price_sub_ensembles
from seg.spec import load_ensemble
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import MakeScorer, write_labelled_project
from tests.evaluate.tune.torchmetrics_miou import miou_by_torchmetrics


def test_shapley_values_are_the_mean_over_all_orders(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.0, 2.0, 3.0])
    mixture = Mixture.of((0.5, 0.3, 0.2), scorer.views)

    def worth(members: tuple[int, ...]) -> float:
        return scorer.score(mixture.only(members)) if members else 0.0

    values = value_members(scorer, mixture)
    for member, value in enumerate(values):
        gains = []
        for order in itertools.permutations(range(3)):
            before = order[: order.index(member)]
            gains.append(worth((*before, member)) - worth(before))
        assert value.shapley == pytest.approx(math.fsum(gains) / 6)
        others = tuple(other for other in range(3) if other != member)
        assert value.left_out == pytest.approx(worth((0, 1, 2)) - worth(others))
        assert value.alone == worth((member,))
    assert math.fsum(value.shapley for value in values) == pytest.approx(worth((0, 1, 2)))


def test_members_disagree_where_their_labels_differ(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.0, 3.0])
    labels = [scorer.levels[member, "identity"].argmax(1) for member in range(2)]
    found = disagreement_of_members(scorer)
    assert found[0, 1] == found[1, 0] == pytest.approx((labels[0] != labels[1]).mean())
    assert found[0, 0] == found[1, 1] == 0


def test_nothing_cheaper_equals_a_point_of_the_front(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5, 2.0, 2.5], views=("identity", "hflip"))
    mixture = Mixture.of((0.4, 0.3, 0.3), scorer.views)
    per_pass = (10.0, 4.0, 7.0)
    front = pareto_sub_ensembles(price_sub_ensembles(scorer, mixture, per_pass))
    for size, seen in itertools.product((1, 2, 3), (scorer.views, (("identity",),) * 3)):
        for members in itertools.combinations(range(3), size):
            candidate = mixture.only(members).with_views(seen)
            cost = sum(per_pass[m] * len(seen[m]) for m in members)
            score = miou_by_torchmetrics(scorer, candidate)
            assert any(p.milliseconds <= cost and p.score >= score - 1e-3 for p in front)


def test_a_member_without_the_upright_view_is_priced_as_it_is(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5, 2.0], views=("hflip",))
    priced = price_sub_ensembles(scorer, Mixture.of((1, 1), scorer.views), (10.0, 4.0))
    assert {view for one in priced for views in one.mixture.views for view in views} == {"hflip"}


def test_a_budget_picks_the_best_within_it(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5, 2.0, 2.5])
    front = pareto_sub_ensembles(
        price_sub_ensembles(scorer, Mixture.of((1, 1, 1), scorer.views), (10.0, 4.0, 7.0))
    )
    assert Budget.parse("4ms").best_of(front, 4.0).members == (1,)
    assert Budget.parse("100x").best_of(front, 4.0) == front[-1].mixture
    with pytest.raises(SpecError, match=r"cheapest member takes 4\.0 ms"):
        Budget.parse("3 ms").best_of(front, 4.0)
    for nothing in ("0x", "0.0ms"):
        with pytest.raises(SpecError, match="above 0, such as 50ms or 5x"):
            Budget.parse(nothing)
    with pytest.raises(SpecError, match="50ms or 5x"):
        Budget.parse("fast")


@pytest.fixture
def project(tmp_path: Path, make_model: MakeModel) -> Path:
    return write_labelled_project(tmp_path, make_model)


def test_sub_ensembles_are_drawn(project: Path, tmp_path: Path) -> None:
    tuned = tune_mixture(load_ensemble(project), ProbabilityCache(tmp_path / "cache"))
    draw_pareto(tmp_path / "pareto.svg", tuned.metric.title, tuned.passes.names, tuned.study)
    assert "val mIoU" in (tmp_path / "pareto.svg").read_text()
