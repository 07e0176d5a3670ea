"""Two classifiers on the same pictures: is the difference more than chance, how large may it be, how much would tell.

Only pictures on which one is right and the other wrong say anything, and those of one group, which err together, count
as one. Legend: N pictures, `only_a` on which A alone is right, `only_b` on which B alone is; m groups.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.intervals import CONFIDENCE, Interval
from tellapart.text import counted

POWER = 0.8  # how often a set of the size that is named would tell them apart
ONE_POINT = 0.01  # the difference that is asked about where none was seen
PRECISION = 1e-9  # of the ends of the interval
METHOD = "Tango's score interval, held to the exact test"


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value of McNemar's test (1947, doi:10.1007/BF02295996): a fair coin, thrown a + b times."""
    return flip_test(np.repeat(np.array([-1, 1], np.int64), [only_a, only_b]))[0]


def flip_test(sums: NDArray[np.int64]) -> tuple[float, float]:
    """The exact two-sided p-value of sums int64 [m], one of each group, and the mid-p value, which is less cautious.

    Of two classifiers that are equally good either could have given the answers of a group that the other gave: each
    sum could as well have the other sign (Fisher's randomisation test). Where every picture is alone this is McNemar's
    exact test, with the mid-p value of Fagerland, Lydersen and Laake (2013, doi:10.1186/1471-2288-13-91).
    """
    from scipy.special import gammaln

    chance = np.ones(1)  # that the sums which point to B add up to each number
    for size, count in zip(*np.unique(np.abs(sums[sums != 0]), return_counts=True), strict=True):
        number = np.arange(count + 1)
        logarithm = gammaln(count + 1) - gammaln(number + 1) - gammaln(count - number + 1) - count * math.log(2)
        spread = np.zeros(size * count + 1)
        spread[::size] = np.exp(logarithm)
        chance = np.convolve(chance, spread)
    distance = np.abs(2 * np.arange(len(chance)) - (len(chance) - 1)) - abs(int(sums.sum()))
    p_value = min(1.0, float(chance[distance >= 0].sum()))
    return p_value, p_value - float(chance[distance == 0].sum()) / 2 if len(chance) > 1 else 1.0


def paired_difference(only_a: int, only_b: int, *, pictures: int, weight: float = 1.0) -> Interval:
    """Accuracy of B less that of A, with Tango's score interval (1998, Statistics in Medicine 17:891-908).

    It holds every difference that the score test does not reject, so it keeps its coverage where few pictures differ
    and ends neither outside -1 and 1 nor at nothing wide. The weight, above 0, is what each picture counts as where
    they do not err apart.

    Raises:
        ValueError: fewer pictures than differ, or none.
    """
    if pictures < 1 or min(only_a, only_b) < 0 or only_a + only_b > pictures:
        raise ValueError(f"{only_a} and {only_b} of {pictures} pictures")
    value = (only_b - only_a) / pictures
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    counts = only_b * weight, only_a * weight, pictures * weight
    low = _crossing(*counts, inside=value, outside=-1.0, level=z)
    high = _crossing(*counts, inside=value, outside=1.0, level=-z)
    return Interval(value=value, low=low, high=high)


def agreeing(difference: Interval, *, told: bool) -> Interval:
    """The interval that holds 0 where the exact test tells nothing apart, and does not where it does.

    The score test behind the interval is less cautious than the exact one: of 0 against 5 pictures it makes 1 in 40,
    the exact one 1 in 16. The exact one decides, and the end that disagrees with it moves to 0 or just off it.
    """
    value, low, high = difference.value, difference.low, difference.high
    if value is None or low is None or high is None:
        return difference
    if not told:
        return Interval(value=value, low=min(low, 0.0), high=max(high, 0.0))
    if value > 0:
        return Interval(value=value, low=max(low, PRECISION), high=high)
    return Interval(value=value, low=low, high=min(high, -PRECISION))


def pictures_to_tell(difference: float, *, differing: float) -> int:
    """How many test pictures tell such a difference four times in five, at 5 % (Connor, 1987, doi:10.2307/2531961).

    `differing` is the share of pictures on which exactly one is right, at least |difference|, which is not 0.
    """
    normal = NormalDist()
    beyond, power = normal.inv_cdf((1 + CONFIDENCE) / 2), normal.inv_cdf(POWER)
    spread = beyond * math.sqrt(differing) + power * math.sqrt(max(differing - difference**2, 0.0))
    return math.ceil((spread / difference) ** 2)


def compare_answers(
    differences: NDArray[np.int64], groups: NDArray[np.int64], *, margin: float | None = None
) -> dict[str, Any]:
    """Everything there is to say of two classifiers; JSON-ready.

    Args:
        differences: int64 [N], at least one; 1 where B alone is right, -1 where A alone is, else 0.
        groups: int64 [N], the same for pictures that belong together.
        margin: in points; whether B is not worse by more than this is said too. None to leave it.

    Returns:
        `only_a`, `only_b`; `groups`, how many hold more than one picture, and `weight`, what each picture counts as in
        the interval; `p_value` and `mid_p_value`, see `flip_test`; `difference` {value, low, high, method}, accuracy of
        B less that of A, which holds 0 unless they are told apart; `told_apart`, whether p is below 0.05; `needed`
        {pictures, difference}, the test pictures, in groups as large as these, that it would take to tell that
        difference apart four times in five: the one seen, or one point where none was seen; `sentence`.
    """
    pictures, only_a, only_b = len(differences), *(int((differences == sign).sum()) for sign in (-1, 1))
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    p_value, mid_p_value = flip_test(np.bincount(group, weights=differences).astype(np.int64))
    told = p_value < 1 - CONFIDENCE
    weight = picture_weight(differences, groups)
    difference = agreeing(paired_difference(only_a, only_b, pictures=pictures, weight=weight), told=told)
    asked = abs(only_b - only_a) / pictures or ONE_POINT
    needed = math.ceil(pictures_to_tell(asked, differing=max((only_a + only_b) / pictures, asked)) / weight)
    return {
        "only_a": only_a,
        "only_b": only_b,
        "groups": int((sizes > 1).sum()),
        "weight": weight,
        "p_value": p_value,
        "mid_p_value": mid_p_value,
        "difference": {**difference.to_json(), "method": METHOD},
        "told_apart": told,
        "needed": {"pictures": needed, "difference": asked, "power": POWER},
        "not_worse": None if margin is None else not_worse(difference, margin=margin),
        "sentence": _sentence(only_a, only_b, pictures=pictures, told=told, needed=needed),
    }


def not_worse(difference: Interval, *, margin: float) -> dict[str, Any]:
    """Whether B is not worse than A by more than so many points, by the lower end of the interval; and a sentence."""
    kept = difference.low is not None and difference.low > -margin / 100
    said = "is not worse than A by more than" if kept else "may be worse than A by more than"
    points = f"{margin:g} {'point' if margin == 1 else 'points'}"
    return {"margin": margin, "kept": kept, "sentence": f"B {said} {points} (95 % interval of the difference)."}


def _sentence(only_a: int, only_b: int, *, pictures: int, told: bool, needed: int) -> str:
    many = counted(needed, "test picture")
    these = f"these {pictures} pictures" if pictures > 1 else "this one picture"
    if told:
        better, worse = ("A", "B") if only_a > only_b else ("B", "A")
        return f"{better} is better than {worse} on pictures of this kind: {these} tell them apart."
    cannot = f"{these[0].upper()}{these[1:]} cannot tell A from B"
    if only_a == only_b:
        seen = "they are wrong equally often"
        return f"{cannot}: {seen}. To tell a difference of one point it would take at least about {many}."
    if needed > pictures:
        return f"{cannot}. If the difference is as large as it looks, about {many} would."
    return f"{cannot}, though a set of this size usually tells such a difference: test on more pictures."


def _crossing(gained: float, lost: float, pictures: float, *, inside: float, outside: float, level: float) -> float:
    """Where the score, which falls as the difference rises, crosses level between inside and outside; by halving."""
    if abs(_score(gained, lost, pictures, outside)) <= abs(level):
        return outside
    while abs(outside - inside) > PRECISION:
        middle = (inside + outside) / 2
        if abs(_score(gained, lost, pictures, middle)) > abs(level):
            outside = middle
        else:
            inside = middle
    return inside


def _score(gained: float, lost: float, pictures: float, difference: float) -> float:
    """Tango's score of a difference of the accuracies; 0 at the measured one.

    The chance of a loss is estimated under that difference: the larger root of Tango's quadratic.
    """
    distance = gained - lost - pictures * difference
    a = 2 * pictures
    b = -gained - lost + (2 * pictures - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    loss = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = pictures * (2 * loss + difference * (1 - difference))
    if variance <= 0:
        return 0.0 if abs(distance) < PRECISION else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)
