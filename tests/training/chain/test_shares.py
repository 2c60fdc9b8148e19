from __future__ import annotations

import pytest

from drivesim.errors import InputError
from drivesim.models.checkpoints import LAYOUTS, STAGES
from drivesim.training.chain.shares import Shares


def test_every_stage_that_is_trained_has_a_share() -> None:
    assert set(Shares().by_role) == set(STAGES) - {LAYOUTS}


def test_shares_are_relative_and_add_up_to_the_whole_time() -> None:
    shares = Shares().changed(["image=3", "vehicle_detector=0"])
    seconds = {role: shares.seconds(role, 10) for role in shares.by_role}
    assert sum(seconds.values()) == pytest.approx(600)
    assert seconds["vehicle_detector"] == 0
    assert seconds["image"] / seconds["decoder"] == pytest.approx(3 / Shares().by_role["decoder"])


def test_a_stage_may_be_called_by_its_former_name() -> None:
    assert Shares().changed(["reader=0.3"]) == Shares().changed(["vehicle_detector=0.3"])


NO_SHARES = ["image", "image=", "image=x", "image=-1", "image=nan", "image=inf", "image=1e308", "cat=1", "=1"]


@pytest.mark.parametrize("text", NO_SHARES)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected STAGE=NUMBER"):
        Shares().changed([text])


def test_a_chain_without_any_stage_is_refused() -> None:
    with pytest.raises(InputError, match="at least one stage"):
        Shares().changed([f"{role}=0" for role in Shares().by_role])
