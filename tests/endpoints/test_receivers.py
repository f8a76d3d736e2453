"""The vectors for receivers: that others judge them as we say, and that the receivers in examples/ do."""

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ROOT = Path(__file__).parent.parent.parent
REFERENCE, RECEIVERS = ROOT / "docs" / "reference", ROOT / "examples" / "receivers"
VECTORS: list[dict[str, Any]] = json.loads((REFERENCE / "signature-vectors.json").read_text("utf-8"))["vectors"]
EVERY = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"].replace(" ", "-"))
TIMES = ("too old", "from the future", "a time that is none")


@EVERY
def test_an_independent_library_judges_a_vector_as_it_says(vector):
    """The library of Standard Webhooks goes by the clock of the machine, so its signature alone is compared."""
    if vector["name"] in TIMES:
        assert not vector["valid"]
        return
    headers, body = vector["headers"], vector["body"]
    if vector["algorithm"] == "v1a":
        assert _fits_the_key(vector) == vector["valid"]
        return
    webhook = standardwebhooks.Webhook(vector["secret"])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    wanted = base64.b64encode(hmac.new(webhook._whsecret, signed, hashlib.sha256).digest()).decode()
    assert (f"v1,{wanted}" in headers["webhook-signature"].split()) == vector["valid"]


def _fits_the_key(vector: dict[str, Any]) -> bool:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(vector["public_key"].removeprefix("whpk_")))
    headers = vector["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{vector['body']}".encode()
    try:
        key.verify(base64.b64decode(headers["webhook-signature"].removeprefix("v1a,")), signed)
    except InvalidSignature:
        return False
    return True


def test_the_published_vector_is_among_them():
    assert VECTORS[0]["headers"]["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_receiver_in_python_judges_every_vector_rightly():
    receiver = RECEIVERS / "python" / "receiver.py"

    done = _run(sys.executable, receiver, "--check", REFERENCE / "signature-vectors.json")

    assert (done.returncode, done.stdout) == (0, "14 vectors, 0 wrong\n")


@pytest.mark.skipif(shutil.which("javac") is None, reason="no Java compiler here")
def test_the_receiver_in_java_judges_every_vector_rightly(tmp_path):
    _run("javac", "-encoding", "UTF-8", "--release", "8", "-d", tmp_path, RECEIVERS / "java" / "Receiver.java")

    done = _run("java", "-cp", tmp_path, "Receiver", "--check", REFERENCE / "signature-vectors.tsv")

    assert (done.returncode, done.stdout) == (0, "14 vectors, 0 wrong\n")


@pytest.mark.skipif(shutil.which("php") is None, reason="no PHP here")
def test_the_receiver_in_php_judges_every_vector_rightly():
    done = _run("php", RECEIVERS / "php" / "receiver.php", REFERENCE / "signature-vectors.json")

    assert (done.returncode, done.stdout) == (0, "14 vectors, 0 wrong\n")


def _run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)
