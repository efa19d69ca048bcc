"""Ceph RADOS Gateway over a cluster of one: a monitor, a manager, and a daemon that keeps objects.

Objects are kept in memory, everything else in a folder of the test's own; each program listens on
loopback and ends with the test. Ceph comes from Debian's packages: no Go module builds it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import uuid
from typing import TYPE_CHECKING, Final

import pytest

from glovebox.store.connection import Credentials
from glovebox_local.certificates import Authority
from support.own_store import free_ports
from support.running_stores import OtherStore, running_endpoint, running_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPERATOR: Final = Credentials("glovebox-operator", "glovebox-operator-secret")
_USER: Final = "glovebox-operator"
_ROLE: Final = "Runner"
# Ceph's own have no number of an account.
ROLE: Final = f"arn:aws:iam:::role/{_ROLE}"
_SECONDS: Final = 120
# Who may what, as Ceph's own tools give it. All are known to the monitor from its first start.
_MAY: Final = {
    "mon.": ("mon", "allow *"),
    "client.admin": ("mon", "allow *", "osd", "allow *", "mgr", "allow *"),
    "mgr.a": ("mon", "allow profile mgr", "osd", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *", "mgr", "allow profile osd"),
}
_CONFIGURATION: Final = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{v2}/0,v1:127.0.0.1:{v1}/0]
mon initial members = a
public network = 127.0.0.0/8
# Without cephx a gateway never connects.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {base}/keyring
run dir = {base}
admin socket = {base}/$name.asok
log file = {base}/$name.log
mon data = {base}/mon
mgr data = {base}/mgr
osd data = {base}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mgr initial modules =
rgw sts key = {sts}
rgw s3 auth use sts = true
rgw frontends = beast endpoint=127.0.0.1:{plain} ssl_endpoint=127.0.0.1:{tls} \
ssl_certificate={certificate} ssl_private_key={key}
rgw verify ssl = false
"""


@contextlib.contextmanager
def running_ceph(base: Path) -> Iterator[OtherStore]:
    """Start Ceph and its gateway, which serves TLS by an authority that the environment names."""
    authority = Authority.create("glovebox-tests")
    ca, _ = authority.write(base, "ca")
    certificate, key = authority.issue_server("ceph", ["127.0.0.1"]).write(base, "ceph")
    v2, v1, plain, tls = free_ports(4)
    fsid = str(uuid.uuid4())
    configuration = base / "ceph.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            base=base,
            fsid=fsid,
            v1=v1,
            v2=v2,
            plain=plain,
            tls=tls,
            certificate=certificate,
            key=key,
            sts=os.urandom(8).hex(),
        )
    )
    ceph = _Ceph(base, configuration)
    for name, capabilities in _MAY.items():
        ceph.make_key(name, capabilities)
    ceph.run(
        "monmaptool", "--create", "--fsid", fsid, "--addv", "a", _address(v2, v1), base / "map"
    )
    ceph.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", base / "map")
    with (
        pytest.MonkeyPatch.context() as patched,
        ceph.running("ceph-mon", "-i", "a"),
        ceph.running("ceph-mgr", "-i", "a"),
        ceph.keeping_objects(),
        ceph.serving(f"https://127.0.0.1:{tls}") as endpoint,
    ):
        ceph.make_user()
        patched.setenv("AWS_CA_BUNDLE", str(ca))
        yield OtherStore("ceph", endpoint, _OPERATOR, ROLE)


class _Ceph:
    """The programs of one cluster."""

    def __init__(self, base: Path, configuration: Path) -> None:
        self._base, self._options = base, ("--conf", configuration)

    def run(self, program: str, *arguments: object) -> str:
        """Run a program to its end; return what it says."""
        command = [program, *self._options, *arguments]
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"{' '.join(map(str, command))}:\n{done.stderr[-3000:]}")
        return done.stdout

    def make_key(self, name: str, capabilities: tuple[str, ...]) -> None:
        """Give somebody a key in the one file of all keys."""
        keyring = self._base / "keyring"
        made = [] if keyring.exists() else ["--create-keyring"]
        pairs = zip(capabilities[::2], capabilities[1::2], strict=True)
        caps = [word for what, how in pairs for word in ("--cap", what, how)]
        self.run("ceph-authtool", *made, "--gen-key", "-n", name, *caps, keyring)

    @contextlib.contextmanager
    def running(self, program: str, *arguments: object) -> Iterator[None]:
        """Run a daemon in the foreground of its own log."""
        command = [program, *self._options, "-f", *arguments]
        with running_program(command, self._base / f"{program}.out"):
            yield

    @contextlib.contextmanager
    def keeping_objects(self) -> Iterator[None]:
        """Run the daemon that keeps objects, once the monitor knows it."""
        own = str(uuid.uuid4())
        (self._base / "osd").mkdir()
        self.run("ceph", "--connect-timeout", _SECONDS, "osd", "new", own, "0")
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", own)
        with self.running("ceph-osd", "-i", "0"):
            yield

    @contextlib.contextmanager
    def serving(self, endpoint: str) -> Iterator[str]:
        """Run the gateway; it makes its pools first."""
        command = ["radosgw", *self._options, "-f", "-n", "client.admin"]
        with running_endpoint(command, endpoint, self._base / "radosgw.out") as found:
            yield found

    def make_user(self) -> None:
        """Make the operator's user, and the role that it alone may assume."""
        keys = ("--access-key", _OPERATOR.access_key_id, "--secret", _OPERATOR.secret_access_key)
        named = ("--uid", _USER, "--display-name", _USER)
        self.run("radosgw-admin", "user", "create", *named, *keys)
        trust = _allow("sts:AssumeRole", Principal={"AWS": [f"arn:aws:iam:::user/{_USER}"]})
        role = ("--role-name", _ROLE)
        made = (*role, "--path", "/", "--assume-role-policy-doc", trust)
        self.run("radosgw-admin", "role", "create", *made)
        rights = _allow("s3:*", Resource=["arn:aws:s3:::*"])
        given = (*role, "--policy-name", "Everything", "--policy-doc", rights)
        self.run("radosgw-admin", "role-policy", "put", *given)


def _allow(action: str, **about: object) -> str:
    statement = {"Effect": "Allow", "Action": [action], **about}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _address(v2: int, v1: int) -> str:
    return f"[v2:127.0.0.1:{v2}/0,v1:127.0.0.1:{v1}/0]"
