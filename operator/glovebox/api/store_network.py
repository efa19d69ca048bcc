"""The way to a store: certificates, addresses, a proxy."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.scalars import Cidr, DnsLabel, Host, Port, ProxyUrl
from glovebox.api.schema import REQUIRED, certificates_alone, list_set, rule, rules


class Tls(Model):
    """How the store's certificate is judged."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *certificates_alone(
                "whoever reads ObjectStores, and every pod that uses the store, would have the"
                " private key. Take it out, and replace it everywhere"
            )
        )
    )

    ca_bundle: str = Field(
        min_length=1,
        max_length=65536,
        description=(
            "Certificates of the authorities that sign the store's, in PEM: they alone are trusted,"
            " for `endpoint` and for `sts.endpoint`. What is here now counts for everybody who uses"
            " the store, also for what was bound before, for pods from the next renewal of their"
            " session on: while authorities change, list both."
        ),
    )


class StorePods(Model):
    """The pods of a store that runs in this cluster."""

    namespace: DnsLabel = Field(description="Namespace of the pods that serve it.")
    labels: dict[str, str] = Field(
        min_length=1, max_length=8, description="Labels of the pods that serve it."
    )


class StoreNetwork(Model):
    """What NetworkPolicies open towards a store, or a proxy."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.cidrs) || !has(self.pods)",
                "must be either `cidrs` (outside of the cluster) or `pods` (inside), not both",
                field_path=".pods",
            )
        )
    )

    cidrs: tuple[Cidr, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Networks in which it is. When absent, and `pods` too: the address in its URL, which"
            " then has to be an IP address."
        ),
    )
    pods: StorePods | None = Field(
        default=None, description="The pods that serve it, when it runs in this cluster."
    )
    port: Port | None = Field(
        default=None,
        description=(
            "TCP port on which it serves. When absent: the port in its URL, else 443 or 80 by the"
            " scheme."
        ),
    )


class Proxy(Model):
    """A proxy on the way to the store."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.url.matches(r'^http://(.*@)?([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[.*\\]):')"
                " || (has(self.network) && (has(self.network.cidrs) || has(self.network.pods)))",
                "must set `network.cidrs` or `network.pods` when `url` has a host name:"
                " NetworkPolicies work on addresses, not on names",
                field_path=".network",
                reason=REQUIRED,
            ),
        )
    )

    url: ProxyUrl = Field(
        description=(
            "URL of the proxy, such as `http://proxy.example:3128`. It is asked to connect"
            " (`CONNECT`) to the store, and sees no request: the store's `endpoint` has to be an"
            " `https://` one."
        )
    )
    no_proxy: tuple[Host, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Hosts that are reached without the proxy, and all below them: the one of"
            " `sts.endpoint`, or what runs reach by routes of their own. A run's environment says"
            " the same (`NO_PROXY`)."
        ),
    )
    network: StoreNetwork | None = Field(
        default=None,
        description=(
            "What NetworkPolicies open towards the proxy, instead of towards the store. Needed when"
            " `url` has a host name; else derived from it."
        ),
    )
