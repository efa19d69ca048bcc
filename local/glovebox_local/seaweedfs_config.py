"""What SeaweedFS is told: its users and roles, who may speak to its inner ports, and its flags.

Its S3 port keeps locks; its inner ports (master, volume, filer) can destroy what the S3 port
protects. So the inner gRPC ports ask for a certificate of an authority that only this process
knows, writes to a volume need a signed token, and the HTTP interfaces of master and filer are off.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glovebox_local.certificates import Authority
from glovebox_local.http_check import HealthCheck
from glovebox_local.paths import write_private
from glovebox_local.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glovebox_local.paths import StateDir

PORTS = ("s3", "s3-grpc", "filer", "filer-grpc", "volume", "volume-grpc", "master", "master-grpc")
OPERATOR = "glovebox-operator"
LOADER = "glovebox-loader"
ROLE_ARN = "arn:aws:iam::000000000000:role/glovebox-experiment"
REGION = "us-east-1"
# Volumes that a bucket takes at once; by default seven, each of which costs memory.
ENVIRONMENT = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "2"}
# A volume takes the room of what it holds. Counted by the free disk, as by default, a store of many
# small buckets would be full where there is plenty of room: every further write is answered 500.
ROOM = {"volume.max": 4000, "volume.minFreeSpacePercent": 1}
_ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Keys:
    """Static credentials of one user of the store."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def random(cls) -> Keys:
        """Make credentials of the usual shape."""
        return cls(f"GBX{secrets.token_hex(9).upper()}", secrets.token_urlsafe(30))


@dataclass(frozen=True)
class StoreAccess:
    """What a client of the store needs.

    Args:
        endpoint: URL of the S3 and STS API.
        region: Region to sign for.
        role_arn: The role that the operator assumes for an experiment, always with a session
            policy.
        operator: The operator's credentials; the only user that the role trusts.
        loader: An administrator's credentials, to load data with; the role does not trust it.
    """

    endpoint: str
    region: str
    role_arn: str
    operator: Keys
    loader: Keys

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which every S3 tool finds the store, with the loader's keys."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.loader.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.loader.secret_access_key,
        }

    @classmethod
    def read(cls, path: Path) -> StoreAccess:
        """Read what `write` wrote."""
        document = json.loads(path.read_text())
        return cls(
            **{
                **document,
                "operator": Keys(**document["operator"]),
                "loader": Keys(**document["loader"]),
            }
        )

    def write(self, path: Path) -> None:
        """Write a file for the owner's eyes only."""
        write_private(path, json.dumps(asdict(self), indent=2) + "\n")


class Configuration:
    """The files and flags of one store.

    Args:
        state: Where the files are written.
        ports: A port for each of `PORTS`.
        listen: The address of S3; everything else listens on loopback.
        home: The state directory as the store sees it, where that is not as we do.
    """

    def __init__(
        self,
        state: StateDir,
        ports: Mapping[str, int],
        *,
        listen: str = LOOPBACK,
        home: Path | None = None,
    ) -> None:
        self._state = state
        self._ports = ports
        self._listen = listen
        self._home = home or state.root
        self.endpoint = f"http://{LOOPBACK}:{ports['s3']}"

    @property
    def access(self) -> StoreAccess:
        """What a client needs."""
        return StoreAccess.read(self._state.store)

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return self._state.config / "seaweedfs"

    def write(self) -> None:
        """Make keys and configuration files, unless they are there from before."""
        if self._state.store.exists():
            return
        access = StoreAccess(
            self.endpoint, REGION, ROLE_ARN, operator=Keys.random(), loader=Keys.random()
        )
        write_private(self.folder / "s3.json", json.dumps(identities(access)))
        write_private(
            self.folder / "iam.json", json.dumps(iam(signing_key=secrets.token_urlsafe(32)))
        )
        self._write_security()
        access.write(self._state.store)

    def unanswered(self) -> str | None:
        """Ask for a signed list of buckets, answered once users are loaded; say what is missing."""
        unsigned = HealthCheck(f"{self.endpoint}/")()
        if unsigned != "answers 403":
            return f"S3 {unsigned}"
        from botocore.auth import S3SigV4Auth  # noqa: PLC0415 - heavy, and only needed here
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - as above
        from botocore.credentials import Credentials  # noqa: PLC0415 - as above

        access = self.access
        request = AWSRequest("GET", f"{access.endpoint}/")
        S3SigV4Auth(
            Credentials(access.loader.access_key_id, access.loader.secret_access_key),
            "s3",
            access.region,
        ).add_auth(request)
        return HealthCheck(str(request.url), headers=dict(request.headers.items()))()

    def arguments(self) -> list[str]:
        """Return the arguments of the program."""
        flags: dict[str, object] = {
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            **({"s3.ip.bind": self._listen} if self._listen != LOOPBACK else {}),
            "dir": self._seen(self._state.data / "store"),
            "master.volumeSizeLimitMB": 256,
            **ROOM,
            # Nobody's way in: without this any program on the machine deletes a bucket's volumes
            # through the master.
            "disableHttp": "true",
            "filer": "true",
            "filer.disableHttp": "true",
            "filer.localSocket": self._seen(self._state.run / "seaweedfs-filer.sock"),
            "s3": "true",
            "s3.config": self._seen(self.folder / "s3.json"),
            "s3.iam.config": self._seen(self.folder / "iam.json"),
            "s3.allowedOrigins": self.endpoint,
            "s3.localSocket": self._seen(self._state.run / "seaweedfs-s3.sock"),
            # Off: nothing here needs them, and their ports would be fixed ones.
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            # One master for good: no election, which would take 10 to 20 s after each restart, nor
            # a wait for replicas.
            "master.peers": "none",
            "volume.preStopSeconds": 0,
            "master.telemetry": "false",
        }
        for part in ("master", "volume", "filer", "s3"):
            flags[f"{part}.port"] = self._ports[part]
            flags[f"{part}.port.grpc"] = self._ports[f"{part}-grpc"]
        return [
            "-logtostderr=true",
            f"-config_dir={self._seen(self.folder)}",
            "server",
            *(f"-{name}={value}" for name, value in flags.items()),
        ]

    def _seen(self, path: Path) -> Path:
        return self._home / path.relative_to(self._state.root)

    def _write_security(self) -> None:
        authority = Authority.create("glovebox-local-seaweedfs")
        folder = self.folder / "pki"
        ca, _ = map(self._seen, authority.write(folder, "ca"))
        issued = authority.issue_server("seaweedfs", ["localhost", LOOPBACK], also_client=True)
        certificate, key = map(self._seen, issued.write(folder, "seaweedfs"))
        lines = [
            "[jwt.signing]",
            f'key = "{secrets.token_urlsafe(32)}"',
            "[jwt.filer_signing]",
            f'key = "{secrets.token_urlsafe(32)}"',
        ]
        lines += ["[access]", "ui = false", "[grpc]", f'ca = "{ca}"']
        for component in ("volume", "master", "filer", "s3", "client"):
            lines += [f"[grpc.{component}]", f'cert = "{certificate}"', f'key = "{key}"']
        write_private(self.folder / "security.toml", "\n".join(lines) + "\n")


def identities(access: StoreAccess) -> dict[str, Any]:
    """Return the users of the store, as `-s3.config` reads them."""

    def user(name: str, keys: Keys, actions: list[str]) -> dict[str, Any]:
        pair = {"accessKey": keys.access_key_id, "secretKey": keys.secret_access_key}
        return {
            "name": name,
            "credentials": [pair],
            "actions": actions,
            "account": {"id": _ACCOUNT, "displayName": name},
        }

    # Creating a bucket with a lock needs `Admin` here; on a store with real policies the operator
    # gets less.
    everything = ["Admin", "Read", "Write", "List", "Tagging"]
    return {
        "identities": [
            user(OPERATOR, access.operator, everything),
            user(LOADER, access.loader, everything),
        ]
    }


def iam(signing_key: str) -> dict[str, Any]:
    """Return the role and its trust, as `-s3.iam.config` reads them.

    The role allows whatever its session policy allows: the operator always passes one. It trusts
    the operator's user alone: were it open to anybody, a session could assume it again without its
    policy, and be free of it.
    """
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:user/{OPERATOR}"},
                "Action": ["sts:AssumeRole"],
            },
        ],
    }
    allow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}],
    }
    return {
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "glovebox-local",
            "signingKey": _b64(signing_key),
        },
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "policies": [{"name": "glovebox-experiment", "document": allow}],
        "roles": [
            {
                "roleName": ROLE_ARN.rpartition("/")[2],
                "roleArn": ROLE_ARN,
                "trustPolicy": trust,
                "attachedPolicies": ["glovebox-experiment"],
            }
        ],
    }


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
