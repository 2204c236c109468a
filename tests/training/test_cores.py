from __future__ import annotations

import threading

import pytest
import torch

from harness.training.packed.cores import Cores, deal, split

LENGTHS = (7, 31, 12, 12, 3, 25, 18, 9)


def test_parts_hold_all_rows_and_stay_within_their_tokens() -> None:
    parts = split(range(8), 40, length=LENGTHS.__getitem__)
    assert sorted(row for part in parts for row in part) == list(range(8))
    assert all(len(part) * max(LENGTHS[row] for row in part) <= 40 for part in parts)


def test_packed_parts_count_no_padding() -> None:
    packed, padded = (
        split((10, 6, 6, 5, 4), 16, length=int, packed=packs) for packs in (True, False)
    )
    assert packed == [[10, 6], [6, 5, 4]]
    assert padded == [[10], [6, 6], [5, 4]]


def test_a_row_longer_than_a_part_is_one_alone() -> None:
    assert split((50, 5), 16, length=int, packed=True) == [[50], [5]]


def test_cores_get_shares_of_about_equal_tokens() -> None:
    shares = deal(range(8), 2, length=LENGTHS.__getitem__)
    assert sorted(row for share in shares for row in share) == list(range(8))
    one, other = (sum(LENGTHS[row] for row in share) for share in shares)
    assert abs(one - other) <= min(LENGTHS)
    assert deal(range(1), 2, length=LENGTHS.__getitem__) == [[0], []]


@pytest.mark.parametrize("count", [1, 3])
def test_the_gradient_is_that_of_the_summed_loss(count: int) -> None:
    used, unused = (torch.ones(3, requires_grad=True) for _ in range(2))
    parts = [torch.arange(3) * float(number) for number in range(5)]
    cores = Cores(count)
    loss, (slope, nothing) = cores.gradient(parts, lambda part: part @ used, [used, unused])
    cores.close()
    assert loss == 30
    assert slope is not None
    assert slope.tolist() == [0, 10, 20]
    assert nothing is None
    assert used.grad is None


def test_a_gradient_does_not_depend_on_which_part_ends_first() -> None:
    weight = torch.ones(1, requires_grad=True)
    found = []
    for late in (0, 1):
        first_is_done = threading.Event()

        def loss(part: tuple[int, float], late: int = late, done: threading.Event = first_is_done):  # type: ignore[no-untyped-def]
            number, factor = part
            if number == late:
                done.wait(10)
            else:
                done.set()
            return weight.sum() * factor

        cores = Cores(2)
        found.append(cores.gradient([(0, 1e8), (1, 1.0 / 3), (2, -1e8)], loss, [weight]))
        cores.close()
    assert found[0] == found[1]


def test_what_a_part_raises_is_raised() -> None:
    def fail(part: int) -> torch.Tensor:
        raise MemoryError(f"part {part}")

    cores = Cores(2)
    with pytest.raises(MemoryError, match="part 1"):
        cores.gradient([1], fail, [])
    cores.close()


def test_the_callers_number_of_threads_stays() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        cores = Cores(2)
        inside = cores.map(lambda _: torch.get_num_threads(), [0, 1])
        cores.close()
        assert inside == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
