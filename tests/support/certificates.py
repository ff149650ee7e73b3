"""A certificate for a host, and the throw-away CA that vouches for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_VALID_FROM: Final = datetime(2020, 1, 1, tzinfo=UTC)
_VALID_FOR: Final = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Three PEM files."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def make_certificate(folder: Path, *addresses: str) -> Certificate:
    """Make a CA, and a certificate for IP addresses."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = _sign("throw-away CA", ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=None))
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(IPv4Address(address)) for address in addresses]
    )
    certificate = _sign(addresses[0], key, ca_key, names)
    made = Certificate(folder / "ca.pem", folder / "server.crt", folder / "server.key")
    made.ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    made.certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("throw-away CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_FROM + _VALID_FOR)
        .add_extension(extension, critical=False)
        .sign(ca_key, SHA256())
    )
