"""How many threads compute side by side, and on how many cores each."""

import threading

import pytest
import torch

from vqa import lanes
from vqa.lanes import Turns, cores, side_by_side, threads


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(lanes, "cores", lambda: 4)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_a_lane_gets_its_share_of_the_cores_and_gives_it_back(four_cores):
    assert (lanes.lanes(), threads(), threads(3)) == (1, 4, 3)
    with side_by_side(2) as number:
        assert (number, lanes.lanes(), threads(), torch.get_num_threads()) == (2, 2, 2, 2)
        with side_by_side(4) as inner:
            assert (inner, lanes.lanes(), threads()) == (1, 2, 2)
        assert lanes.lanes() == 2
    assert (lanes.lanes(), threads(), torch.get_num_threads()) == (1, 4, 4)


def test_more_lanes_than_cores_are_as_many_as_there_are_cores(four_cores):
    with side_by_side(9) as number:
        assert (number, threads(), torch.get_num_threads()) == (4, 1, 1)


def test_who_gave_pytorch_one_thread_gets_one_lane(four_cores):
    torch.set_num_threads(1)
    with side_by_side(4) as number:
        assert number == 1
    assert torch.get_num_threads() == 1


def test_openmp_s_variable_says_how_many_cores_there_are_at_most(monkeypatch):
    here = cores()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1000")
    assert cores() == here


@pytest.mark.parametrize(("one_by_one", "most"), [(False, 2), (True, 1)])
def test_turns_are_taken_by_as_many_as_there_are_lanes(four_cores, one_by_one, most):
    turns, inside, seen = Turns(one_by_one=one_by_one), [], []
    met = threading.Barrier(most)

    def compute():
        with turns:
            inside.append(1)
            met.wait(10)  # as many get here as may, and no more
            seen.append(len(inside))
            met.wait(10)
            inside.pop()

    with side_by_side(2):
        workers = [threading.Thread(target=compute) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(20)
    assert seen == [most] * 4


def test_the_terminal_s_windows_are_those_of_the_library():
    from inspect import signature

    from vqa.agent.windows import BATCH_ROWS
    from vqa.commandline import batch
    from vqa.commandline import eval as evaluation

    for command in (batch.batch, evaluation.run):
        assert signature(command).parameters["batch_rows"].default == BATCH_ROWS
