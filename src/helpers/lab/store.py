"""The run store: finished runs and pruned checkpoints in a folder that many processes may share."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from torch import distributed

COLUMNS = [
    "profile",
    "model",
    "condition",
    "sparsity",
    "task",
    "seed",
    "learning_rate",
    "metric",
    "value",
]


def as_store(store=None):
    """A `RunStore`: the one given, or that of a folder, by default ``runs``."""
    return store if isinstance(store, RunStore) else RunStore(store or "runs")


class Busy(Exception):
    """Another process is making what was asked for, and this store was told not to wait."""


class RunStore:
    """Finished runs and pruned checkpoints in a folder, filed by their configuration.

    Any number of processes may write to it at once, and any of them may be killed at any moment:

    - Every file is written under another name first and then renamed, so that an interruption leaves either the
      whole of it or nothing. A file that was damaged later is noticed by its checksum and made again.
    - Who makes a run or a checkpoint holds its lock; the others wait for the result. The lock is the operating
      system's (``flock``, by `filelock`), so it ends with its owner, however that dies.
    - ``work`` holds the Trainer's checkpoints of what is not finished: who takes it up later resumes from there.

    Between machines this asks a shared folder to keep locks for all of them: NFS version 4 and Lustre mounted with
    ``flock`` do, though a lock of a machine that died stays until the server has given it up, a minute or two. A
    folder that keeps locks for each machine alone (``local_lock``, ``localflock``) or not at all costs double work,
    and two trainings that write the same ``work`` folder may then fail, but what is filed is whole all the same. A
    file system without ``flock`` gets lock files instead, with a warning; those outlive a machine that died, and
    must be deleted by hand from ``locks``.

    Parameters
    ----------
    folder : str or path
    wait : bool
        Whether to wait for what another process is making, or else to raise `Busy`.
    """

    def __init__(self, folder, wait=True):
        self.folder, self.wait, self._locks = Path(folder), wait, {}
        for part in ("runs", "checkpoints", "work", "locks"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self, key):
        """Hold the lock of a run or a checkpoint; a process that holds it may take it again."""
        lock = self._locks.setdefault(key, FileLock(self.folder / "locks" / f"{key}.lock"))
        try:
            lock.acquire(timeout=-1 if self.wait else 0, poll_interval=0.2)
        except Timeout:
            raise Busy(f"another process is making {key}") from None
        try:
            yield
        finally:
            lock.release()

    def read(self, key):
        """The record of a finished run (``rows``, ``run``, ``provenance``), or None."""
        path = self.folder / "runs" / f"{key}.json"
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text())
            if record.pop("checksum") == digest(record):
                return record
        except (ValueError, KeyError, AttributeError, TypeError):
            pass
        warnings.warn(f"{path} is damaged; the run will be made again", stacklevel=2)
        return None

    def write(self, key, record):
        """File a finished run; what its training left in ``work`` is removed."""
        record = json.loads(json.dumps(record))
        with self.lock(key):
            part = self._part(key)
            with open(part, "w") as file:
                json.dump(record | {"checksum": digest(record)}, file, indent=1)
            os.replace(part, self.folder / "runs" / f"{key}.json")
            _remove(self.folder / "work" / key)

    def rows(self, keys=None):
        """The tidy rows of all finished runs, or of those among `keys`, as a data frame."""
        keys = (
            [path.stem for path in sorted((self.folder / "runs").glob("*.json"))]
            if keys is None
            else keys
        )
        records = [self.read(key) for key in keys]
        return pd.DataFrame(
            [row for record in records if record for row in record["rows"]], columns=COLUMNS
        )

    def checkpoint(self, key, make):
        """The folder of a checkpoint, made by ``make(folder, work)`` if it is not there or was damaged.

        Where several processes train together (``accelerate launch``), all of them call this and then ``make``; the
        first decides whether to, and what it made is filed.

        Returns
        -------
        folder : pathlib.Path
        info : dict
            What ``make`` returned, with the ``files`` and their checksums.
        """
        folder, work = self.folder / "checkpoints" / key, self.folder / "work" / key
        info = _first(lambda: _whole(folder))
        if info is None:
            with self.lock(key) if _rank() == 0 else contextlib.nullcontext():
                info = _first(
                    lambda: _whole(folder)
                )  # another process may have made it while this one waited
                if info is None:
                    info = self._made(key, make, folder, work)
        return folder, info

    def _made(self, key, make, folder, work):
        if _rank():  # what it saves is what the first process saves
            with tempfile.TemporaryDirectory() as part:
                make(Path(part), work)
            return _first(None)
        part = self._part(key)
        part.mkdir()
        try:
            info = make(part, work)
            info["files"] = {path.name: _file_digest(path) for path in sorted(part.iterdir())}
            (part / "info.json").write_text(json.dumps(info, indent=1))
            if folder.is_dir():  # damaged
                os.replace(folder, self._part(key))
            try:
                part.rename(folder)
            except OSError:
                if not (folder / "info.json").is_file():
                    raise
                # another process made it meanwhile, where locks do not hold; the two are equal
        finally:
            _remove(part)
        _remove(work)
        return _first(lambda: info)

    def clean(self):
        """Remove what killed processes left behind and nobody can use.

        That is what is half written, and the Trainer's checkpoints of what is finished by now. Those of unfinished
        runs stay, to resume from.
        """
        for path in (self.folder / "work").iterdir():
            half = path.name.endswith(".part")
            key = path.name.rsplit(".", 2)[0] if half else path.name
            with contextlib.suppress(Busy), RunStore(self.folder, wait=False).lock(key):
                if (
                    half
                    or (self.folder / "runs" / f"{key}.json").is_file()
                    or (self.folder / "checkpoints" / key).is_dir()
                ):
                    _remove(path)

    def publish(self, name, text):
        """Write a text file into the store's folder; who reads it meanwhile sees the old one or the new one, whole."""
        part = self._part(name)
        part.write_text(text)
        os.replace(part, self.folder / name)

    def _part(self, key):
        return self.folder / "work" / f"{key}.{uuid.uuid4().hex}.part"


def digest(values):
    """A short checksum of anything that is JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _whole(folder):
    """What a checkpoint's info.json says, or None if the checkpoint is not there or was damaged."""
    if not folder.is_dir():
        return None
    try:
        info = json.loads((folder / "info.json").read_text())
        if all(_file_digest(folder / name) == digest for name, digest in info["files"].items()):
            return info
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        pass
    warnings.warn(f"{folder} is damaged; the checkpoint will be made again", stacklevel=3)
    return None


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _rank():
    """Which of the processes that train together this is."""
    return (
        distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
    )


def _first(value):
    """What ``value()`` is in the first of the processes that train together, for all of them."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return value()
    box = [value() if _rank() == 0 else None]
    distributed.broadcast_object_list(box)
    return box[0]
