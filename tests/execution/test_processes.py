"""Processes that are bound to the one that started them."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FORK = """
import os
from activities.execution.processes import end_with_parent
parent = os.getpid()
if os.fork():
    os._exit(0) if {dies} else os.wait()
else:
    while {dies} and os.getppid() == parent:
        os.sched_yield()
    end_with_parent()
    print("goes on", flush=True)
"""


def said_by_the_child(*, of_a_parent_that_dies: bool) -> str:
    code = FORK.format(dies=of_a_parent_that_dies)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, start_new_session=True, check=True
    )
    return done.stdout.decode()


def test_a_child_whose_parent_died_before_it_could_be_bound_to_it_goes_no_further() -> None:
    assert said_by_the_child(of_a_parent_that_dies=True) == ""


def test_a_child_whose_parent_lives_goes_on() -> None:
    assert said_by_the_child(of_a_parent_that_dies=False) == "goes on\n"
