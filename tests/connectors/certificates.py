"""Make a certificate for 127.0.0.1 that vouches for itself."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """`authority` is what a client has to trust, `chain` the same with its key, for a server."""

    authority: Path
    chain: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain)
        return context


def certificate(folder: Path) -> Certificate:
    made = Certificate(folder / "authority.pem", folder / "chain.pem")
    key = folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made.authority]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, *names], check=True, capture_output=True)
    made.chain.write_bytes(key.read_bytes() + made.authority.read_bytes())
    return made
