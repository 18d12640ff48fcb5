"""Carry out tasks that need one another: in this process, in processes that share the machine, or on a Ray cluster.

Nothing here knows what the tasks do.
"""

import os
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from math import inf
from multiprocessing import get_context
from typing import Callable

import torch
from tqdm.auto import tqdm

from .. import machine

ATTEMPTS = 3  # how often a task is tried whose worker was lost
AGAIN = 5.0  # seconds until a task that another process is busy with is tried again


@dataclass(frozen=True)
class Task:
    """A function of a module, its arguments, and the names of the tasks that must be done first.

    The function returns False if another process is busy with the same task, which is then tried again later.
    """

    name: str
    function: Callable
    arguments: tuple
    needs: tuple = ()


class FailedTasks(RuntimeError):
    """Some tasks failed; all others were carried out.

    Attributes
    ----------
    failures : dict of str to Exception
        By the task's name; tasks that needed a failed one are here as well.
    """

    def __init__(self, failures, tasks):
        self.failures = failures
        lines = [f"  {name}: {type(error).__name__}: {error}" for name, error in failures.items()]
        super().__init__(
            f"{len(failures)} of {tasks} tasks failed; the others are done and kept:\n"
            + "\n".join(lines)
        )


def carry_out(tasks, engine, progress=True, on_done=None):
    """Carry out tasks, each as soon as what it needs is done and a worker is free, the first in the list first.

    Parameters
    ----------
    tasks : list of Task
    engine : Here, Processes or OnRay
    progress : bool
        Show a progress bar over the tasks.
    on_done : callable, optional
        Called with the name of each task that is done.

    Raises
    ------
    FailedTasks
        At the end, when all tasks that can be done are done.
    """
    waiting = {task.name: task for task in tasks}
    running, done, failures, lost, not_before = {}, set(), {}, Counter(), {}
    with engine, tqdm(total=len(tasks), desc="sweep", disable=not progress) as bar:
        while waiting or running:
            now = time.monotonic()
            for task in [
                t
                for t in waiting.values()
                if done.issuperset(t.needs) and not_before.get(t.name, 0) <= now
            ]:
                if len(running) >= engine.jobs:
                    break
                bar.set_postfix_str(task.name)
                running[engine.submit(task.function, *task.arguments)] = waiting.pop(task.name)
            if not running:  # all that is ready is being made by others
                time.sleep(
                    max(0, min(not_before[name] for name in waiting if name in not_before) - now)
                )
                continue
            finished, _ = wait(running, AGAIN if not_before else None, FIRST_COMPLETED)
            for future in finished:
                task = running.pop(future)
                not_before.pop(task.name, None)
                error = future.exception()
                if error is None and future.result() is False:
                    waiting[task.name], not_before[task.name] = task, time.monotonic() + AGAIN
                elif error is None:
                    done.add(task.name)
                    bar.update()
                    if on_done:
                        on_done(task.name)
                elif (
                    isinstance(error, BrokenProcessPool) and lost[task.name] < ATTEMPTS - 1
                ):  # its worker was killed
                    lost[task.name] += 1
                    waiting = {task.name: task} | waiting
                else:
                    tqdm.write(
                        "".join(traceback.format_exception(error))
                        + f"{task.name} failed; the others go on"
                    )
                    _give_up(
                        task.name, getattr(error, "cause", error), waiting, failures
                    )  # Ray's errors wrap the task's own
    if failures:
        raise FailedTasks(failures, len(tasks)) from next(iter(failures.values()))


def _give_up(name, error, waiting, failures):
    failures[name] = error
    for task in list(waiting.values()):
        if name in task.needs:
            del waiting[task.name]
            _give_up(
                task.name, RuntimeError(f"not tried, because {name} failed"), waiting, failures
            )


class Here:
    """One task after the other in this process."""

    jobs = 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, function, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes:
    """Processes on this machine, which divide its cores; each sees one GPU, if there are any.

    Each is a pool of its own, so that a process that is killed takes no other with it.

    Parameters
    ----------
    jobs : int
    """

    def __init__(self, jobs):
        self.jobs = jobs
        cores = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        self.threads, self.gpus = max(1, cores // jobs), torch.cuda.device_count()

    def __enter__(self):
        self._ends = {}
        self._slots = [(self._pool(slot), None) for slot in range(self.jobs)]
        return self

    def __exit__(self, kind, *error):
        if kind is not None:
            self._end()  # stops the workers at once
        for pool, _ in self._slots:
            pool.shutdown(cancel_futures=True)
        self._end()

    def submit(self, function, *arguments):
        slot = next(i for i, (_, last) in enumerate(self._slots) if last is None or last.done())
        pool = self._slots[slot][0]
        with machine.one_gpu(slot, self.gpus):  # for the process that the pool may start now
            try:
                future = pool.submit(function, *arguments)
            except BrokenProcessPool:
                pool.shutdown()
                pool = self._pool(slot)
                future = pool.submit(function, *arguments)
        self._slots[slot] = pool, future
        return future

    def _pool(self, slot):
        context = get_context("spawn")
        if slot in self._ends:
            self._ends[slot].close()
        theirs, self._ends[slot] = context.Pipe(duplex=False)
        return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(theirs, self.threads))

    def _end(self):
        for end in self._ends.values():
            end.close()


def _begin(pipe, threads):
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()


def _end_with_parent(pipe):
    """End this process when the other end of a pipe closes: the parent wants it so, or was killed."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        pass
    os._exit(1)


class OnRay:
    """Remote tasks on a Ray cluster; tasks whose worker or machine is lost are tried again elsewhere.

    Parameters
    ----------
    address : str or True
        Of a running cluster; True for the one that RAY_ADDRESS names, or else a new one on this machine.
    cpus : float
        Cores for each task.
    gpus : float, optional
        GPUs for each task, such as 0.5 for two tasks on one; default 1 where the cluster has any.
    """

    jobs = inf  # Ray keeps the queue

    def __init__(self, address=True, cpus=1, gpus=None):
        try:
            import ray
        except ImportError:
            raise ModuleNotFoundError(
                "Ray is not installed; pip install -e .[ray] adds it, or leave out ray"
            ) from None
        self.ray, self.address, self.cpus, self.gpus = ray, address, cpus, gpus

    def __enter__(self):
        ray = self.ray
        self._ours = not ray.is_initialized()
        if self._ours:
            local = (
                {"include_dashboard": False} if self.address is True else {"address": self.address}
            )
            ray.init(
                **local,
                log_to_driver=False,
                logging_level="warning",
                runtime_env={"env_vars": machine.variables()},
            )
        gpus = min(1, ray.cluster_resources().get("GPU", 0)) if self.gpus is None else self.gpus
        self._remote = ray.remote(num_cpus=self.cpus, num_gpus=gpus, max_retries=ATTEMPTS - 1)(
            _remote
        )
        return self

    def __exit__(self, *error):
        if self._ours:
            self.ray.shutdown()

    def submit(self, function, *arguments):
        return self._remote.remote(self.cpus, function, *arguments).future()


def _remote(cpus, function, *arguments):
    torch.set_num_threads(max(1, int(cpus)))
    return function(*arguments)
