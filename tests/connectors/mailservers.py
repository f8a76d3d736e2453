"""Real IMAP servers on loopback for the tests, each a process of its own: pymap, and Dovecot where it is installed."""

import getpass
import grp
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from certificates import Certificate

from hub.connectors.imap import to_utf7
from hub.connectors.mails import header_text

PASSWORD = "made-up/p4ss+word"


@dataclass(frozen=True)
class MailServer:
    """A running server with one user, `hub`. `tls` is where TLS begins with the connection, if anywhere."""

    port: int
    tls: int | None = None

    @property
    def url(self) -> str:
        return f"imap://127.0.0.1:{self.port}"

    @contextmanager
    def client(self, folder: str | None = None) -> Iterator[imaplib.IMAP4]:
        """Whoever else uses the mailbox: the one who sends, or looks."""
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login("hub", PASSWORD)
            if folder:
                client.select(quoted(folder))
            yield client

    def folder(self, name: str = "") -> str:
        """Make a folder that no other test knows."""
        name = f"{name}{uuid4().hex[:8]}"
        with self.client() as client:
            assert client.create(quoted(name))[0] == "OK"
        return name

    def post(self, folder: str, *mails: bytes, at: str | None = None) -> None:
        """Lay mails into a folder, as if they had come in at a time such as `"01-Mar-2026 08:00:00 +0800"`."""
        with self.client() as client:
            for mail in mails:
                assert client.append(quoted(folder), "", at or "", mail)[0] == "OK"

    def flags(self, folder: str) -> list[str]:
        with self.client(folder) as client:
            _, found = client.uid("FETCH", "1:*", "(FLAGS)")
            return sorted(line.decode().partition("FLAGS ")[2].rstrip(")") for line in found if line)

    def subjects(self, folder: str) -> list[str]:
        with self.client(folder) as client:
            _, found = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            literals = [each[1] for each in found if isinstance(each, tuple)]
            return sorted(str(header_text(each.decode().partition(":")[2])) for each in literals)


def quoted(folder: str) -> str:
    return f'"{to_utf7(folder)}"'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "the mail server ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the mail server does not listen")


PYMAP = """
import gc
from pymap.main import main
from pysasl.hashing import BuiltinHash

# A made-up password is not worth half a million rounds at every login.
BuiltinHash.__init__.__kwdefaults__["rounds"] = 1
# Of a connection that waits, it holds nothing but a circle: on Python 3.13 a collection ends it in the middle.
gc.disable()
main()
"""


@contextmanager
def pymap(folder: Path, tls: Certificate) -> Iterator[MailServer]:
    """The server that pip brings: STARTTLS, MOVE and UIDPLUS; it keeps its mails in memory."""
    port = free_port()
    listening = ["--host", "127.0.0.1", "--port", str(port), "--cert", str(tls.chain), "--key", str(tls.chain)]
    user = ["dict", "--demo-data", "--demo-user", "hub", "--demo-password", PASSWORD]
    command = [sys.executable, "-c", PYMAP, *listening, *user]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process)
            yield MailServer(port)
        finally:
            process.kill()


DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/log
{users}
ssl = yes
ssl_cert = <{cert}
ssl_key = <{cert}
disable_plaintext_auth = no
mail_location = maildir:{mails}/mail
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = user=hub password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mails}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


@contextmanager
def dovecot(folder: Path, tls: Certificate) -> Iterator[MailServer]:
    """The server that most of the world runs. Skips the test where it is not installed, and says so."""
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(
            "NO DOVECOT HERE: that the mailbox is read from it is not shown (Debian: apt install dovecot-imapd)"
        )
    port, tls_port = free_port(), free_port()
    config = folder / "dovecot.conf"
    with tempfile.TemporaryDirectory(prefix="mails") as mails:
        uid, gid, users = _users(mails)
        settings = {"home": folder, "mails": mails, "uid": uid, "gid": gid, "users": users, "cert": tls.chain}
        config.write_text(DOVECOT.format(**settings, port=port, tls=tls_port, password=PASSWORD))
        command = [program, "-F", "-c", config]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(port, process)
                yield MailServer(port, tls_port)
            finally:
                process.terminate()


def _users(mails: str) -> tuple[int, int, str]:
    """Say who owns the mails, and which users Dovecot runs as: it never reads mails as root."""
    if os.getuid() == 0:
        owner = pwd.getpwnam("nobody")
        os.chown(mails, owner.pw_uid, owner.pw_gid)
        return owner.pw_uid, owner.pw_gid, ""
    user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    names = [f"default_internal_user = {user}", f"default_login_user = {user}", f"default_internal_group = {group}"]
    return os.getuid(), os.getgid(), "\n".join([*names, f"first_valid_uid = {os.getuid()}"])


SERVERS = {"dovecot": dovecot, "pymap": pymap}
