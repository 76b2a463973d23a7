"""docker/tls/make_certificates.sh, judged by a client that checks."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "docker" / "tls" / "make_certificates.sh"

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="runs in Linux containers only"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


def make_certificates(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run docker/tls/make_certificates.sh."""
    return subprocess.run(
        ["bash", SCRIPT, folder, *names],
        capture_output=True,
        text=True,
        check=False,
    )


def greeted(folder: Path, name: str) -> bool:
    """Whether a client that trusts the CA and asks for `name` believes the server."""
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(folder / "server" / "server.crt", folder / "server" / "server.key")
    theirs = ssl.create_default_context(cafile=folder / "ca.crt")
    one, other = socket.socketpair()

    def serve() -> None:
        try:
            with ours.wrap_socket(one, server_side=True) as connection:
                connection.sendall(b"hello")
        except (ssl.SSLError, OSError):
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with theirs.wrap_socket(other, server_hostname=name) as connection:
            return connection.recv(5) == b"hello"
    except ssl.SSLCertVerificationError:
        return False
    finally:
        other.close()
        thread.join()


def test_the_certificate_is_believed_under_its_names_only(tmp_path: Path) -> None:
    folder = tmp_path / "my certificates"
    made = make_certificates(folder, "db.example.org 192.0.2.5", "2001:db8::5")
    assert made.returncode == 0, made.stderr
    for name in ("db.example.org", "192.0.2.5", "2001:db8::5", "localhost", "127.0.0.1", "db"):
        assert greeted(folder, name), name
    for name in ("other.example.org", "example.org", "192.0.2.6"):
        assert not greeted(folder, name), name
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.*")}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}


def test_a_certificate_is_renewed_by_the_same_authority(tmp_path: Path) -> None:
    assert make_certificates(tmp_path, "one.example.org").returncode == 0
    authority, first = (tmp_path / "ca.crt").read_bytes(), _served(tmp_path)
    assert "still good" in make_certificates(tmp_path, "one.example.org").stdout
    assert _served(tmp_path) == first
    assert make_certificates(tmp_path, "two.example.org").returncode == 0
    assert greeted(tmp_path, "two.example.org")
    assert not greeted(tmp_path, "one.example.org")
    assert (tmp_path / "ca.crt").read_bytes() == authority
    (tmp_path / "server" / "server.crt").write_text("damaged")
    assert make_certificates(tmp_path, "two.example.org").returncode == 0
    assert greeted(tmp_path, "two.example.org")


def _served(folder: Path) -> bytes:
    return (folder / "server" / "server.crt").read_bytes()


def test_names_that_are_none_are_refused(tmp_path: Path) -> None:
    for names in ((), ("bad name!",), ("a,DNS:b",)):
        refused = make_certificates(tmp_path / "new", *names)
        assert refused.returncode == 2
        assert refused.stderr
    assert not list((tmp_path / "new").rglob("*.key"))
