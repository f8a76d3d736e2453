"""The peers that the hub is measured beside: how each is installed, and its cheapest way to read the same tickets.

Each of `READERS` reads into the cheapest sink that it has, in its favour: dlt into uncompressed JSONL files, the
Airbyte CDK and the Singer SDK into nothing. Each of `LOADERS` loads into a database of the PostgreSQL that the hub
writes to; the Airbyte CDK has no loader. None of them keeps what came, tells what changed, maps, or makes a text
findable.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / "out" / "peers"

_CATALOG = {
    "streams": [
        {
            "stream": {"name": "tickets", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "overwrite",
        }
    ]
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool, exactly the version that is installed, and the command that reads; words in braces are filled in."""

    name: str
    requirement: str
    command: tuple[str, ...]


READERS = (
    Peer("dlt", "dlt[filesystem]==1.31.0", ("{bin}/python", "{here}/dlt_pipeline.py", "{url}", "{folder}/dlt")),
    Peer(
        "airbyte-cdk",
        "airbyte-cdk==7.39.1",
        (
            *("{bin}/source-declarative-manifest", "read", "--config", "{folder}/config.json"),
            *("--catalog", "{folder}/catalog.json", "--manifest-path", "{here}/airbyte_manifest.yaml"),
        ),
    ),
    Peer(
        "singer-sdk",
        "singer-sdk==0.54.9",
        ("{bin}/python", "{here}/singer_tap.py", "--config", "{folder}/config.json"),
    ),
)
LOADERS = (
    Peer(
        "dlt-to-postgres",
        "dlt[postgres]==1.31.0",
        ("{bin}/python", "{here}/dlt_pipeline.py", "{url}", "{folder}/dlt", "{server}", "{database}"),
    ),
    Peer(
        "singer-to-postgres",
        "meltanolabs-target-postgres==0.8.1",
        (
            *("sh", "-c", "{bin}/python $0 --config $1/config.json | {bin}/target-postgres --config $1/target.json"),
            *("{here}/singer_tap.py", "{folder}"),
        ),
    ),
)


def installed(peers: Sequence[Peer]) -> list[Peer]:
    """Those of the peers that are here, or can be installed now; says loudly which cannot."""
    return [peer for peer in peers if _install(peer)]


def command(peer: Peer, url: str, folder: Path, database: str) -> list[str]:
    """The peer's command for the tickets at `url`; writes what it reads beside it into `folder`."""
    at = make_url(database)
    (folder / "config.json").write_text(json.dumps({"url": url}))
    (folder / "catalog.json").write_text(json.dumps(_CATALOG))
    target = database.replace("postgresql:", "postgresql+psycopg:")
    (folder / "target.json").write_text(json.dumps({"sqlalchemy_url": target, "default_target_schema": "hub"}))
    places = {"bin": _environment(peer) / "bin", "here": HERE, "folder": folder, "url": url}
    places |= {"server": at.query["host"], "database": at.database}
    return [word.format(**places) for word in peer.command]


def _environment(peer: Peer) -> Path:
    """A folder for each version: another one is another environment."""
    return ENVIRONMENTS / "".join(letter if letter.isalnum() else "-" for letter in peer.requirement)


def _install(peer: Peer) -> bool:
    environment = _environment(peer)
    if (environment / "installed").exists():
        return True
    print(f"installing {peer.requirement} into {environment}", flush=True)
    made = _done([sys.executable, "-m", "venv", "--clear", str(environment)])
    if made and _done([str(environment / "bin" / "pip"), "install", "-q", peer.requirement]):
        (environment / "installed").touch()
        return True
    print(f"PEER MISSING: {peer.requirement} cannot be installed; the hub is NOT measured beside it", flush=True)
    return False


def _done(command: Sequence[str]) -> bool:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stderr or done.stdout).strip()[-500:], flush=True)
    return done.returncode == 0
