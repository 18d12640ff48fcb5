"""The run store: finished runs and pruned checkpoints in a folder that many processes may share."""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
import uuid
import warnings
from pathlib import Path

import pandas as pd
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from filelock import FileLock, Timeout

from .. import machine

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

    - Every file is written under another name first and then renamed, so that an interruption
      leaves either the
      whole of it or nothing. A file that was damaged later is noticed by its checksum and made
      again.
    - Who makes a run or a checkpoint holds its lock; the others wait for the result. The lock is
      the operating
      system's (``flock``, by `filelock`), so it ends with its owner, however that dies.
    - ``work`` holds the Trainer's checkpoints of what is not finished: who takes it up later
      resumes from there.

    Between machines this asks a shared folder to keep locks for all of them: NFS version 4 and
    Lustre mounted with ``flock`` do, though a lock of a machine that died stays until the server
    has given it up, a minute or two. A folder that keeps locks for each machine alone
    (``local_lock``, ``localflock``) or not at all costs double work, and two trainings that write
    the same ``work`` folder may then fail, but what is filed is whole all the same. A file system
    without ``flock`` gets lock files instead, with a warning; those outlive a machine that died,
    and must be deleted by hand from ``locks``.

    Parameters
    ----------
    folder : str or path
    wait : bool
        Whether to wait for what another process is making, or else to raise `Busy`.
    """

    def __init__(self, folder, wait=True):
        self.folder, self.wait, self._locks = Path(folder), wait, {}
        for part in ("runs", "checkpoints", "work", "locks"):
            try:
                self._make(self.folder / part)
            except OSError as error:
                # finished runs can be read from a folder that may not be written to
                if not (self.folder / "runs").is_dir():
                    raise self._unwritable(error) from error

    def _make(self, part):
        """Make a folder of the store; who may write to the store's folder may write to it, too."""
        if part.is_dir():
            return
        part.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            part.chmod(stat.S_IMODE(self.folder.stat().st_mode))

    def _unwritable(self, error):
        return type(error)(
            f"{self.folder} cannot hold a run store: {error}. Name a folder that you may write to, "
            "or copy the course to one"
        )

    @contextlib.contextmanager
    def lock(self, key):
        """Hold the lock of a run or a checkpoint; a process that holds it may take it again."""
        try:
            if key not in self._locks:
                path = self.folder / "locks" / f"{key}.lock"
                self._locks[key] = FileLock(path, mode=self.folder.stat().st_mode & 0o666)
            lock = self._locks[key]
            lock.acquire(timeout=-1 if self.wait else 0, poll_interval=0.2)
        except Timeout:
            raise Busy(f"another process is making {key}") from None
        except OSError as error:  # finished runs can be read from here, new ones not made
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def read(self, key):
        """The record of a finished run (``rows``, ``run``, ``provenance``), or None."""
        path = self.folder / "runs" / f"{key}.json"
        if not path.exists():
            return None
        record = _checked(path, key)
        if record is None:
            warnings.warn(f"{path} is damaged; the run will be made again", stacklevel=2)
        return record

    def write(self, key, record):
        """File a finished run; what its training left in ``work`` is removed."""
        record = _signed(record, key)
        with self.lock(key):
            part, path = self._part(key), self.folder / "runs" / f"{key}.json"
            with open(part, "w") as file:
                json.dump(record, file, indent=1)
            self._file(part, path)
            _remove(self.folder / "work" / key)

    def keys(self):
        """The keys of all finished runs, in order."""
        return sorted(path.stem for path in (self.folder / "runs").glob("*.json"))

    def rows(self, keys=None):
        """The tidy rows of all finished runs, or of those among `keys`, as a data frame."""
        records = map(self.read, self.keys() if keys is None else keys)
        return pd.DataFrame(
            [row for record in records if record for row in record["rows"]], columns=COLUMNS
        )

    def infos(self):
        """What the ``info.json`` of each checkpoint says, those that were damaged left out."""
        folders = sorted((self.folder / "checkpoints").iterdir())
        found = (_checked(folder / "info.json", folder.name) for folder in folders)
        return [info for info in found if info]

    def has_checkpoint(self, key):
        """Whether a checkpoint was filed; whether it is whole is asked when it is fetched."""
        return (self.folder / "checkpoints" / key).is_dir()

    def checkpoint(self, key, make):
        """The folder of a checkpoint, made by ``make(folder, work)`` if none is there.

        Where several processes train together (``accelerate launch``), all of them call this and
        then ``make``; the first decides whether to, and what it made is filed.

        Returns
        -------
        folder : pathlib.Path
        info : dict
            What ``make`` returned, with the ``files`` and their checksums.
        """
        folder, work = self.folder / "checkpoints" / key, self.folder / "work" / key
        first = _is_first()
        info = _from_first(lambda: _whole(folder))
        if info is None:
            with self.lock(key) if first else contextlib.nullcontext():
                # another process may have made it while this one waited
                info = _from_first(lambda: _whole(folder))
                if info is None:
                    made = self._made(key, make, work) if first else _thrown_away(make, work)
                    info = _from_first(lambda: made)
        return folder, info

    def _made(self, key, make, work):
        part = self._part(key)
        part.mkdir()
        try:
            info = make(part, work)
            info["files"] = {path.name: _file_digest(path) for path in sorted(part.iterdir())}
            (part / "info.json").write_text(json.dumps(_signed(info, key), indent=1))
            self._file(part, self.folder / "checkpoints" / key)
        finally:
            _remove(part)
        _remove(work)
        return info

    def _file(self, part, path):
        """Give what was made its name; what stands there, damaged or of another kind, makes way."""
        if path.is_dir():  # a folder takes the place of no file, and a file that of no folder
            os.replace(path, self._part(path.name))
        elif path.exists() and part.is_dir():
            path.unlink()
        try:
            os.replace(part, path)
        except OSError:
            if not (path / "info.json").is_file():
                raise
            # another process made it meanwhile, where locks do not hold; the two are equal

    def clean(self):
        """Remove what killed processes left behind and nobody can use.

        That is what is half written, and the Trainer's checkpoints of what is finished by now.
        Those of unfinished runs stay, to resume from.
        """
        for path in sorted((self.folder / "work").glob("*")):
            half = path.name.endswith(".part")
            key = path.name.rsplit(".", 2)[0] if half else path.name
            # what may not be removed stays
            with (
                contextlib.suppress(Busy, OSError),
                RunStore(self.folder, wait=False).lock(key),
            ):
                if (
                    half
                    or (self.folder / "runs" / f"{key}.json").is_file()
                    or self.has_checkpoint(key)
                ):
                    _remove(path)

    def publish(self, name, text):
        """Write a text file into the store's folder; who reads it meanwhile sees a whole one."""
        with self.lock(name):  # else another process may take the half for one of a dead process
            part = self._part(name)
            part.write_text(text)
            os.replace(part, self.folder / name)

    def _part(self, key):
        return self.folder / "work" / f"{key}.{uuid.uuid4().hex}.part"


def digest(values):
    """A short checksum of anything that is JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _signed(values, key):
    """Values that are JSON, with what they are filed under and a checksum."""
    values = json.loads(json.dumps(values)) | {"key": key}
    return values | {"checksum": digest(values)}


def _checked(path, key):
    """What a file holds that `_signed` made for this key; None if it is damaged or another's."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        checksum = values.pop("checksum")
        # stores of earlier versions do not repeat the key
        if checksum == digest(values) and values.pop("key", key) == key:
            return values
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        pass
    return None


def _file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _whole(folder):
    """What a checkpoint's info.json says, or None if the checkpoint is not there or was damaged."""
    if not folder.exists():
        return None
    info = _checked(folder / "info.json", folder.name)
    try:
        if all(_file_digest(folder / name) == digest for name, digest in info["files"].items()):
            return info
    except (OSError, KeyError, AttributeError, TypeError):
        pass
    warnings.warn(f"{folder} is damaged; the checkpoint will be made again", stacklevel=3)
    return None


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _thrown_away(make, work):
    """Take part in making a checkpoint; what this process saves is what the first one saves."""
    with tempfile.TemporaryDirectory() as part:
        make(Path(part), work)


def _is_first():
    """Whether this is the first of the processes that train together."""
    return machine.launched_processes() == 1 or PartialState().is_main_process


def _from_first(value):
    """What ``value()`` is in the first of the processes that train together, for all of them."""
    box = [value() if _is_first() else None]
    if machine.launched_processes() > 1:
        broadcast_object_list(box)
    return box[0]
