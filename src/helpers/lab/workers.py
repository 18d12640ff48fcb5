"""Carry out tasks that need one another: here, in processes on this machine, or on a Ray cluster.

Nothing here knows what the tasks do.
"""

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from math import inf
from multiprocessing import get_all_start_methods, get_context

import torch
from tqdm.auto import tqdm

from .. import machine

ATTEMPTS = 3  # how often a task is tried whose worker was lost
AGAIN = 5.0  # seconds until a task that another process is busy with is tried again
PATIENCE = 10.0  # seconds for a Ray cluster to answer


@dataclass(frozen=True)
class Task:
    """A function of a module, its arguments, and the names of the tasks that must be done first.

    The function returns False if another process is busy with the same task. It is tried again
    later.
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


@dataclass
class _Job:
    """A task, and how far it is."""

    task: Task
    state: str = "waiting"  # then "running", then "done" or "failed"
    not_before: float = 0.0  # another process is busy with it: when to try again
    lost: int = 0  # workers that were killed over it
    error: Exception | None = None


def carry_out(tasks, engine, progress=True, on_done=None):
    """Carry out tasks, each as soon as what it needs is done and a worker is free.

    Of those that are ready the first in the list comes first.

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
    jobs = {task.name: _Job(task) for task in tasks}
    running = {}  # future → job
    with engine, tqdm(total=len(tasks), desc="sweep", disable=not progress) as bar:
        while running or _waiting(jobs):
            for job in _ready(jobs):
                if len(running) >= engine.jobs:
                    break
                bar.set_postfix_str(job.task.name)
                job.state = "running"
                running[engine.submit(job.task.function, *job.task.arguments)] = job
            busy = [job.not_before for job in _waiting(jobs) if job.not_before]
            if not running:  # all that is left is being made by others
                time.sleep(max(0, min(busy) - time.monotonic()))
                continue
            finished, _ = wait(running, AGAIN if busy else None, FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                _settle(job, future, jobs)
                if job.state == "done":
                    bar.update()
                    if on_done:
                        on_done(job.task.name)
    failures = {name: job.error for name, job in jobs.items() if job.state == "failed"}
    if failures:
        raise FailedTasks(failures, len(tasks)) from next(iter(failures.values()))


def _waiting(jobs):
    return [job for job in jobs.values() if job.state == "waiting"]


def _ready(jobs):
    """The jobs that could start now."""
    now = time.monotonic()
    return [
        job
        for job in _waiting(jobs)
        if job.not_before <= now and all(jobs[name].state == "done" for name in job.task.needs)
    ]


def _settle(job, future, jobs):
    """Note how a job ended, or that it has to be tried again."""
    error = future.exception()
    if error is None and future.result() is False:  # another process is at it
        job.state, job.not_before = "waiting", time.monotonic() + AGAIN
    elif error is None:
        job.state = "done"
    elif isinstance(error, BrokenProcessPool) and job.lost < ATTEMPTS - 1:  # its worker was killed
        job.state, job.lost = "waiting", job.lost + 1
    else:
        lines = "".join(traceback.format_exception(error))
        tqdm.write(f"{lines}{job.task.name} failed; the others go on")
        _give_up(job, getattr(error, "cause", error), jobs)  # Ray's errors wrap the task's own


def _give_up(job, error, jobs):
    """A job failed: so do those that need it."""
    job.state, job.error = "failed", error
    for other in _waiting(jobs):
        if job.task.name in other.task.needs:
            _give_up(other, RuntimeError(f"not tried, because {job.task.name} failed"), jobs)


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

    Each is a pool of its own, so that a process that is killed takes no other with it. Without GPUs
    they are forked from a server that has imported what they need. The server stays until this
    process ends, so that only the first sweep of a notebook waits for the imports.

    Parameters
    ----------
    jobs : int
    preload : sequence of str
        Modules that the server imports.
    """

    def __init__(self, jobs, preload=()):
        self.jobs, self.gpus = jobs, torch.cuda.device_count()
        self.cores = max(1, machine.cores() // jobs)
        # a process that is forked from one that has looked for GPUs cannot use them
        fork = "forkserver" in get_all_start_methods() and not self.gpus
        self._context = get_context("forkserver" if fork else "spawn")
        if fork:
            self._context.set_forkserver_preload(list(preload))

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
        if slot in self._ends:
            self._ends[slot].close()
        theirs, self._ends[slot] = self._context.Pipe(duplex=False)
        begin = theirs, self.cores, machine.variables()
        return ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=begin)

    def _end(self):
        for end in self._ends.values():
            end.close()


def _begin(pipe, cores, variables):
    machine.take_over(variables)  # a server that forks knows those of its own start
    machine.limit_cores(cores)
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()


def _end_with_parent(pipe):
    """End this process when a pipe's other end closes: the parent wants it so, or was killed."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        pass
    os._exit(1)


class OnRay:
    """Remote tasks on a Ray cluster; where a worker or a machine is lost, they are tried elsewhere.

    Parameters
    ----------
    address : str or True
        Of a running cluster; True for the one that RAY_ADDRESS names, or else a new one on this
        machine.
    cpus : float
        Cores for each task.
    gpus : float, optional
        GPUs for each task, such as 0.5 for two tasks on one; default 1 where the cluster has any.

    Raises
    ------
    ModuleNotFoundError
        If Ray is not installed.
    ConnectionError
        If nobody answers at the address.
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
        _check_address(os.environ.get("RAY_ADDRESS") if address is True else address)

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


def is_address(text: str) -> bool:
    """Whether a text is written as the address of a Ray cluster is: HOST:PORT, auto or local."""
    host, colon, port = text.removeprefix("ray://").rpartition(":")
    if not colon:
        return text in ("auto", "local")
    return bool(host) and port.isdecimal() and int(port) <= 65_535


def _check_address(address):
    """Refuse an address where no Ray cluster answers: Ray itself would ask for many minutes."""
    address = address or "auto"
    if not is_address(address):
        raise ValueError(
            f"{address!r} is no address of a Ray cluster; write HOST:PORT with a port up to 65535, "
            "or auto for the one that runs on this machine"
        )
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:  # "auto" or "local"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except OSError as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address!r} ({error}); start one with ray start --head, or "
            "leave out the address for a new one on this machine"
        ) from None


def _remote(cpus, function, *arguments):
    machine.limit_cores(int(cpus))
    return function(*arguments)
