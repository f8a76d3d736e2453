"""Sign and encrypt with RSA, AES, SM4 and JSON Web Tokens; imported only where a source asks for it."""

import base64
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from joserfc import errors, jwk
from joserfc.jwt import encode

_KEYS: Mapping[str, Any] = {"HS": jwk.OctKey, "RS": jwk.RSAKey, "PS": jwk.RSAKey, "ES": jwk.ECKey}
_HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303  the source decides


def rsa_signature(key: bytes, message: bytes, name: str) -> bytes:
    """Sign by PKCS #1 v1.5. Raises ValueError for what is no private RSA key."""
    private = _loaded(
        key,
        lambda data: serialization.load_pem_private_key(data, None),
        lambda data: serialization.load_der_private_key(data, None),
    )
    if not isinstance(private, RSAPrivateKey):
        raise ValueError("the key is no private RSA key (PEM, without a password)")  # noqa: TRY004  a text of that kind
    return private.sign(message, PKCS1v15(), _HASHES[name])


def rsa_cipher(key: bytes, message: bytes) -> bytes:
    """Encrypt by PKCS #1 v1.5. Raises ValueError for what is no public RSA key, or a text too long for it."""
    public = _loaded(key, serialization.load_pem_public_key, serialization.load_der_public_key)
    if not isinstance(public, RSAPublicKey):
        raise ValueError("the key is no public RSA key (PEM)")  # noqa: TRY004  a text of that kind
    return public.encrypt(message, PKCS1v15())


def block_cipher(name: str, key: bytes, vector: bytes | None, message: bytes) -> bytes:
    """Encrypt with AES or SM4, padded by PKCS #7. Raises ValueError for a key or vector of the wrong length."""
    algorithm = algorithms.AES(key) if name.startswith("aes") else algorithms.SM4(key)
    padding = PKCS7(algorithm.block_size).padder()
    mode = modes.ECB() if vector is None else modes.CBC(vector)  # noqa: S305  the source decides
    machine = Cipher(algorithm, mode).encryptor()
    return machine.update(padding.update(message) + padding.finalize()) + machine.finalize()


def jwt(header: Mapping[str, str], claims: Mapping[str, Any], key: str) -> str:
    """Sign a JSON Web Token. Raises ValueError where the key is not of the algorithm's kind."""
    with warnings.catch_warnings():
        # How long its secret is, is the source's to decide.
        warnings.simplefilter("ignore", errors.SecurityWarning)
        try:
            return encode(dict(header), dict(claims), _KEYS[header["alg"][:2]].import_key(key), [header["alg"]])
        except (errors.JoseError, ValueError, TypeError):
            raise ValueError(f"the key is none for {header['alg']}") from None


def _loaded(key: bytes, from_pem: Callable[[bytes], Any], from_der: Callable[[bytes], Any]) -> Any:
    """Load a key: systems hand it out in its frame, or as the bare Base64 in between."""
    try:
        return from_pem(key) if key.lstrip().startswith(b"-----") else from_der(base64.b64decode(key))
    except (ValueError, TypeError):
        return None
