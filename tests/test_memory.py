from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.errors import OutOfMemoryError
from drivesim.memory import shortage_explained


@pytest.mark.parametrize("allocate", [lambda: torch.empty(2**55), lambda: np.empty(2**55)])
def test_an_allocation_that_fails_is_one_line_with_advice(allocate) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"^there is not enough memory; take less$"),
        shortage_explained("take less"),
    ):
        allocate()


def test_other_errors_stay_what_they_are() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError) as raised, shortage_explained("take less"):
        raise error
    assert raised.value is error
