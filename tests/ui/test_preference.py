"""The preference study: blinded pairs, votes, and what they add up to."""

from __future__ import annotations

import pytest

from drivesim.errors import InputError
from ui.preference import EQUAL, A, B, Clip, Pair, Studies, Study, blinded_pairs, shares


def clip(archive: str, name: str) -> Clip:
    return Clip(archive, 0, name, 8, 10.0)


A_CLIPS = [clip("a", f"scene_{k}") for k in range(40)]
B_CLIPS = [clip("b", f"scene_{k}") for k in reversed(range(40))]


def test_clips_of_one_name_meet_in_random_order_on_random_sides() -> None:
    pairs = blinded_pairs(A_CLIPS, B_CLIPS, seed=1)
    assert {pair.a.name for pair in pairs} == {clip.name for clip in A_CLIPS}
    assert all(pair.a.name == pair.b.name and (pair.a.archive, pair.b.archive) == ("a", "b") for pair in pairs)
    assert [pair.a for pair in pairs] != A_CLIPS
    assert {pair.swapped for pair in pairs} == {True, False}


def test_clips_without_a_common_name_meet_in_their_order() -> None:
    pairs = blinded_pairs([clip("a", "x")], [clip("b", "y"), clip("b", "z")], seed=0)
    assert [(pair.a.name, pair.b.name) for pair in pairs] == [("x", "y")]


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        blinded_pairs([], B_CLIPS, seed=0)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_vote_for_a_side_counts_for_what_is_shown_there(swapped: bool) -> None:
    pair = Pair(clip("a", "x"), clip("b", "x"), swapped)
    for side in ("left", "right"):
        assert pair.choice_of(side) == (A if pair.side(side) is pair.a else B)
    assert pair.choice_of(EQUAL) == EQUAL


def test_a_doubled_vote_counts_once() -> None:
    study = Study("id", "A", "B", blinded_pairs(A_CLIPS[:2], B_CLIPS, seed=0))
    study.vote(0, "left")
    study.vote(0, "right")
    assert study.votes == ["left"]
    with pytest.raises(InputError):
        study.vote(1, "both")


def test_shares_are_percentages_with_wilsons_interval() -> None:
    found = {share.choice: share for share in shares([A] * 8 + [B] * 2)}
    assert (found[A].percent, found[EQUAL].percent, found[B].percent) == (80.0, 0.0, 20.0)
    # Wilson's interval of 8 of 10 (Brown, Cai and DasGupta, 2001).
    assert found[A].low == pytest.approx(49.0, abs=0.1)
    assert found[A].high == pytest.approx(94.3, abs=0.1)
    assert found[A].low == pytest.approx(100 - found[B].high)


def test_files_hold_every_vote_and_the_shares() -> None:
    study = Study("id", "A", "B", (Pair(clip("a", "x"), clip("b", "x"), True),))
    study.vote(0, "left")
    assert study.votes_csv().splitlines() == ["pair,a,b,on_the_left,choice", "1,x,x,B,B"]
    assert study.results_csv().splitlines()[3].startswith("B,1,100.0,")


def test_only_so_many_studies_are_kept() -> None:
    studies = Studies()
    first = studies.start("A", "B", A_CLIPS, B_CLIPS)
    for _ in range(64):
        last = studies.start("A", "B", A_CLIPS, B_CLIPS)
    assert studies.get(last.id) is last
    with pytest.raises(InputError):
        studies.get(first.id)
