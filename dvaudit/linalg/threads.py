"""Threads that each run one small factorisation at a time.

LAPACK splits even a 250 x 250 factorisation over all cores and waits at every panel: on two idle
cores this gains nothing, and beside other work it takes tenfold. One thread for each matrix, and
as many matrices at once as there are cores, is faster in both cases.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


def serial_workers(count: int) -> ThreadPoolExecutor:
    """Return a pool of `count` threads in each of which torch and its LAPACK use one core.

    torch keeps its number of threads per thread, but `set_num_threads` also sets what threads
    started later begin with; so all workers start here and the caller's number is put back.
    """
    before = torch.get_num_threads()
    ready = threading.Barrier(count)

    def begin(_: int) -> None:
        torch.get_num_threads()  # a thread's first use of torch would undo an earlier setting
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(count)
    try:
        list(pool.map(begin, range(count)))
    finally:
        torch.set_num_threads(before)
    return pool


@contextmanager
def one_thread() -> Iterator[None]:
    """Let thousands of small solves in this thread, by torch, numpy or scipy, use one core each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
