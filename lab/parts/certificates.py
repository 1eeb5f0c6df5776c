# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of a test: root, intermediate, and servers' certificates of any kind."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Signed:
    """A certificate with its key."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Return the certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Return the key."""
        return self.private_key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )


class Authority:
    """A root that signs an intermediate that signs the servers; only the root is trusted."""

    def __init__(self, folder: Path) -> None:
        """Read the authority from a folder, or make one there."""
        self.ca_file = folder / "ca.pem"
        self._key_file = folder / "intermediate.pem"
        if not self._key_file.exists():
            root = _sign("Lab root CA", days=3650, issuer=None, authority=True)
            middle = _sign("Lab intermediate CA", days=1825, issuer=root, authority=True)
            self.ca_file.write_bytes(root.pem)
            self._key_file.touch(mode=0o600)
            self._key_file.write_bytes(middle.key_pem + middle.pem)
        bundle = self._key_file.read_bytes()
        private_key = load_pem_private_key(bundle, password=None)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey):
            message = f"{self._key_file} holds another kind of key"
            raise TypeError(message)
        self.middle = Signed(leaf(bundle), private_key)

    def server(self, names: list[str], days_left: float, *, chain: bool = True) -> bytes:
        """Return a PEM bundle as HAProxy reads it: key, certificate, and the intermediate."""
        signed = _sign(names[0], days=days_left, issuer=self.middle, names=names)
        return signed.key_pem + signed.pem + (self.middle.pem if chain else b"")

    def self_signed(self, names: list[str], days_left: float) -> bytes:
        """Return a PEM bundle that nobody signed."""
        signed = _sign(names[0], days=days_left, issuer=None, names=names)
        return signed.key_pem + signed.pem


def leaf(bundle: bytes) -> x509.Certificate:
    """Return the first certificate of a bundle."""
    return x509.load_pem_x509_certificates(bundle)[0]


def _sign(
    common_name: str,
    *,
    days: float,
    issuer: Signed | None,
    names: list[str] | None = None,
    authority: bool = False,
) -> Signed:
    now = dt.datetime.now(dt.UTC)
    end = now + days * DAY
    private_key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    signer = issuer.private_key if issuer else private_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        # An expired one was valid before it expired.
        .not_valid_before(min(now, end) - 30 * DAY)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_usage(authority=authority), critical=True)
    )
    if names:
        kinds = [_name(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(kinds), critical=False)
    return Signed(builder.sign(signer, hashes.SHA256()), private_key)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
