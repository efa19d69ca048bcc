"""A timestamp authority (RFC 3161) of a test's own: openssl answers, a small server listens."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None,
    reason="NOT TESTED: no openssl: as root, `glovebox local packages` brings it",
)
_CONFIG: Final = """
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/authority.crt
signer_key = {folder}/authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512, sha3-256
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
_DAYS: Final = timedelta(days=3650)


@dataclass
class Authority:
    """An authority, its root certificate, and what it was asked.

    Attributes:
        folder: Its files; `root.crt` is what readers trust.
        answer: Replaces the answer to a request, when set.
        status: Of HTTP.
        asked: Every request.
    """

    folder: Path
    answer: Callable[[bytes], bytes] | None = None
    status: int = 200
    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = (
            _certificate("a root", "a root", root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        own = (
            _certificate("an authority", "a root", key.public_key())
            .add_extension(stamping, critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(issuer, critical=False)
            .sign(root_key, hashes.SHA256())
        )
        self.root = self.folder / "root.crt"
        self.root.write_bytes(root.public_bytes(Encoding.PEM))
        (self.folder / "authority.crt").write_bytes(own.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "authority.key").write_bytes(private)
        (self.folder / "serial").write_text("01\n")
        (self.folder / "config").write_text(_CONFIG.format(folder=self.folder))

    @property
    def roots(self) -> list[x509.Certificate]:
        """What readers trust."""
        return x509.load_pem_x509_certificates(self.root.read_bytes())

    def respond(self, query: bytes) -> bytes:
        """Return openssl's answer to a TimeStampReq."""
        asked, answered = self.folder / "query", self.folder / "answer"
        asked.write_bytes(query)
        arguments = f"ts -reply -config {self.folder}/config -queryfile {asked} -out {answered}"
        subprocess.run(["openssl", *arguments.split()], check=True, capture_output=True, timeout=30)
        return answered.read_bytes()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen on loopback; yield the address."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked.append(query)
                body = (authority.answer or authority.respond)(query)
                self.send_response(authority.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/stamp"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _certificate(
    subject: str, issuer: str, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _DAYS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
