"""A blinded preference study (Video LDM, Table 2): pairs in random order, each judged A, B or equal."""

from __future__ import annotations

import csv
import io
import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from drivesim.errors import InputError

MAX_PAIRS = 200
MAX_STUDIES = 64
CONFIDENCE = 0.95
A, B, EQUAL = "A", "B", "equal"
SIDES = ("left", "right")


@dataclass(frozen=True)
class Clip:
    """One future of an archive, given by the archive's id.

    Attributes:
        name: Scenario and future, for the files of results.
        frames: Number of frames.
        fps: Frame rate.
    """

    archive: str
    future: int
    name: str
    frames: int
    fps: float


@dataclass(frozen=True)
class Pair:
    """Two clips to compare; if `swapped` is true, B is on the left."""

    a: Clip
    b: Clip
    swapped: bool

    def side(self, side: str) -> Clip:
        """Returns the clip on the left or on the right."""
        return self.a if (side == "left") != self.swapped else self.b

    def choice_of(self, vote: str) -> str:
        """Returns the choice (A, B or equal) that a vote of `left`, `right` or `equal` stands for."""
        return EQUAL if vote == EQUAL else A if (vote == "left") != self.swapped else B


@dataclass(frozen=True)
class Share:
    """The share of a choice among all votes in percent, with its 95 % Wilson interval."""

    choice: str
    count: int
    percent: float
    low: float
    high: float


@dataclass
class Study:
    """The pairs of a study in their order, and the votes on the first of them."""

    id: str
    title_a: str
    title_b: str
    pairs: tuple[Pair, ...]
    votes: list[str] = field(default_factory=list)

    @property
    def current(self) -> Pair | None:
        """The pair that waits for a vote, or None."""
        return self.pairs[len(self.votes)] if len(self.votes) < len(self.pairs) else None

    def vote(self, number: int, vote: str) -> None:
        """Records the vote on pair `number`.

        A second vote on the same pair has no effect, so that a double click counts once.

        Raises:
            InputError: The vote is not `left`, `right` or `equal`.
        """
        if vote not in (*SIDES, EQUAL):
            raise InputError("expected a vote: left, right or equal")
        if number == len(self.votes) and self.current is not None:
            self.votes.append(vote)

    def choices(self) -> list[str]:
        """Returns the votes so far as A, B or equal."""
        return [pair.choice_of(vote) for pair, vote in zip(self.pairs, self.votes, strict=False)]

    def results(self) -> list[Share]:
        """Returns the shares of A, equal and B so far."""
        return shares(self.choices())

    def results_csv(self) -> str:
        """Returns the results as CSV."""
        rows = [(s.choice, s.count, f"{s.percent:.1f}", f"{s.low:.1f}", f"{s.high:.1f}") for s in self.results()]
        return _csv(("choice", "count", "percent", "low_95", "high_95"), rows)

    def votes_csv(self) -> str:
        """Returns every vote as CSV, with the side that was on the left."""
        rows = [
            (number, pair.a.name, pair.b.name, B if pair.swapped else A, choice)
            for number, (pair, choice) in enumerate(zip(self.pairs, self.choices(), strict=False), start=1)
        ]
        return _csv(("pair", "a", "b", "on_the_left", "choice"), rows)


def shares(choices: Sequence[str]) -> list[Share]:
    """Returns the share of each choice among all choices."""
    from scipy.stats import binomtest  # takes a third of a second, which the page has not got when it starts

    result = []
    for choice in (A, EQUAL, B):
        count, total = choices.count(choice), len(choices)
        low, high = (0.0, 1.0)
        if total:
            low, high = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
        result.append(Share(choice, count, 100 * count / total if total else 0.0, 100 * low, 100 * high))
    return result


def blinded_pairs(a: Sequence[Clip], b: Sequence[Clip], seed: int) -> tuple[Pair, ...]:
    """Returns pairs of clips in random order, each with random sides.

    Clips with the same name are paired; otherwise the clips are paired in order.

    Raises:
        InputError: There is nothing to compare.
    """
    by_name = {clip.name: clip for clip in b}
    couples = [(clip, by_name[clip.name]) for clip in a if clip.name in by_name] or list(zip(a, b, strict=False))
    if not couples:
        raise InputError("there is nothing to compare: both sides need a future with frames")
    rng = random.Random(seed)
    rng.shuffle(couples)
    return tuple(Pair(one, two, rng.random() < 0.5) for one, two in couples[:MAX_PAIRS])


class Studies:
    """The studies of a server by id; if there are too many, the oldest is dropped."""

    def __init__(self) -> None:
        self._studies: OrderedDict[str, Study] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, title_a: str, title_b: str, a: Sequence[Clip], b: Sequence[Clip]) -> Study:
        """Starts a study of two sides.

        Raises:
            InputError: There is nothing to compare.
        """
        pairs = blinded_pairs(a, b, secrets.randbits(64))
        study = Study(secrets.token_hex(12), title_a, title_b, pairs)
        with self._lock:
            self._studies[study.id] = study
            while len(self._studies) > MAX_STUDIES:
                self._studies.popitem(last=False)
        return study

    def get(self, key: str) -> Study:
        """Returns the study with an id.

        Raises:
            InputError: No study has this id.
        """
        with self._lock:
            if key not in self._studies:
                raise InputError("this study no longer exists; start a new one")
            return self._studies[key]


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([head, *rows])
    return file.getvalue()
