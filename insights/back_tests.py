"""How well problem stores and risks would have predicted the last weeks of a period, by the weeks before them alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import log, sqrt

from insights.figures import FEWEST, Figure
from insights.kept import kept
from insights.problems import TIMES, flagged
from insights.scope import Scope, as_of
from insights.shrinkage import MOST_STRENGTH, shrunk
from insights.statistics import Z, share
from insights.store_rates import StoreRate, rates_of, suspects

# The hold-out is the last third of the days.
HELD_OUT = 3
# A calibration error is the mean over so many classes of predictions.
CLASSES = 10
# In a test.
_NUMBERS = 25


@dataclass(frozen=True, slots=True)
class ProblemTest:
    """What became of stores flagged by the earlier days in the later ones.

    `again` is the share of them that failed more than TIMES as often as their hosts again, of those that had images;
    `rate` is of all their later images together, and `host_rate` that of others, weighted by these images.
    """

    flagged: int
    again: Figure
    rate: Figure
    host_rate: Figure


@dataclass(frozen=True, slots=True)
class RiskTest:
    """How much better stores' risks predicted later images than their hosts' rates alone.

    A skill is 1 - loss / loss of the hosts' rates: 1 would be to know, 0 is no better. Log skill is by the logarithm of
    what was held probable, Brier skill by the squared error; their intervals are between stores. `calibration_error` is
    the mean distance, over images, of what was predicted from what came, in CLASSES classes.
    """

    stores: int
    images: int
    strength: float
    log_skill: Figure
    brier_skill: Figure
    calibration_error: float

    @property
    def is_passed(self) -> bool:
        """Whether what stores showed before told more than chance would."""
        return self.strength < MOST_STRENGTH and self.log_skill.low is not None and self.log_skill.low > 0


@dataclass(frozen=True, slots=True)
class BackTest:
    """`earlier` and `later` are the two parts of the days; a test is None where there was nothing to be tested on."""

    earlier: Scope
    later: Scope
    problems: ProblemTest | None
    risk: RiskTest | None


def back_test(scope: Scope) -> BackTest:
    """Of all stores whose visits the user may see, whatever narrows the scope."""
    whole = scope.of_all_stores
    return kept("back-test", whole, as_of(), lambda: _back_test(whole), lambda _: _NUMBERS)


def parts(scope: Scope) -> tuple[Scope, Scope]:
    """The days that are learned from, and those that are foretold."""
    cut = scope.until - timedelta(days=max(1, scope.days // HELD_OUT) - 1)
    return replace(scope, until=cut - timedelta(days=1)), replace(scope, since=cut)


def _back_test(scope: Scope) -> BackTest:
    earlier, later = parts(scope)
    if scope.days < HELD_OUT:
        return BackTest(earlier, later, None, None)
    before = suspects(earlier, TIMES)
    bad = flagged(before)
    after = rates_of(later, [store.store_id for store in (*bad, *before.fitted)]).stores
    return BackTest(
        earlier,
        later,
        problem_test(bad, after),
        risk_test(before.fitted, after, before.strength) if before.strength else None,
    )


def problem_test(bad: Sequence[StoreRate], after: dict[str, StoreRate]) -> ProblemTest | None:
    """None where no store was flagged."""
    if not bad:
        return None
    seen = [after[store.store_id] for store in bad if store.store_id in after]
    again = sum(store.failed > TIMES * store.images * store.usual for store in seen)
    images, worth = sum(store.images for store in seen), sum(store.worth for store in seen)
    # Stores share their hosts: the others of all of them together are at least those of one.
    usual_worth = max((store.usual_worth for store in seen), default=0)
    usual = sum(store.images * store.usual for store in seen)
    return ProblemTest(
        len(bad),
        share(again, len(seen), len(seen), fewest=1),
        share(sum(store.failed for store in seen), images, worth),
        share(usual, images, usual_worth),
    )


def risk_test(before: Iterable[StoreRate], after: dict[str, StoreRate], m: float) -> RiskTest | None:
    """None for fewer than FEWEST stores with images in both parts."""
    pairs = [(store, after[store.store_id]) for store in before if store.store_id in after]
    if len(pairs) < FEWEST:
        return None
    logs, briers, predicted = [], [], []
    for store, later in pairs:
        risk, usual, failed, n = shrunk(store.beside, m), store.usual, later.failed, later.images
        logs.append((_log_loss(risk, failed, n), _log_loss(usual, failed, n)))
        briers.append((_brier_loss(risk, failed, n), _brier_loss(usual, failed, n)))
        predicted.append((risk, failed, n))
    images = sum(n for *_, n in predicted)
    return RiskTest(
        len(pairs), images, m, _skill(logs, images), _skill(briers, images), _calibration_error(predicted, images)
    )


def _log_loss(risk: float, failed: int, n: int) -> float:
    return -failed * log(risk) - (n - failed) * log(1 - risk)


def _brier_loss(risk: float, failed: int, n: int) -> float:
    return failed * (1 - risk) ** 2 + (n - failed) * risk**2


def _skill(losses: Sequence[tuple[float, float]], images: int) -> Figure:
    """Of (loss, loss of the hosts' rates) of each store; the interval is that of a ratio of sums over stores."""
    whole = sum(reference for _, reference in losses)
    skill = 1 - sum(loss for loss, _ in losses) / whole
    rest = sum((reference - loss - skill * reference) ** 2 for loss, reference in losses)
    half = Z * sqrt(rest * len(losses) / (len(losses) - 1)) / whole
    return Figure(skill, skill - half, skill + half, images)


def _calibration_error(predicted: Sequence[tuple[float, int, int]], images: int) -> float:
    """By classes of about as many images each, in the order of what was predicted (Naeini and others, AAAI 2015)."""
    classes = [[0.0, 0.0] for _ in range(CLASSES)]
    at = 0
    for risk, failed, n in sorted(predicted):
        of = classes[min(CLASSES - 1, CLASSES * at // images)]
        of[0] += risk * n
        of[1] += failed
        at += n
    return sum(abs(expected - failed) for expected, failed in classes) / images
