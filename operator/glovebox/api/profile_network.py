"""Where Experiments of a profile may connect to: DNS, routes, offered services."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from glovebox.api.base import Model
from glovebox.api.ports import PortRule
from glovebox.api.scalars import (
    Cidr,
    DnsLabel,
    Host,
    HostAddress,
    Port,
    ProxyUrl,
)
from glovebox.api.schema import (
    FORBIDDEN,
    certificates_alone,
    list_atomic,
    list_map,
    list_set,
    rule,
    rules,
)
from glovebox.api.store_network import Proxy


class Dns(Model):
    """Where the cluster's DNS runs."""

    namespace: DnsLabel = Field(default="kube-system", description="Namespace of the DNS pods.")
    pod_labels: dict[str, str] = Field(
        default={"k8s-app": "kube-dns"},
        min_length=1,
        max_length=8,
        description=(
            "Labels of the DNS pods. Experiments reach `ports` (UDP and TCP) of these pods, and of"
            " nothing else."
        ),
    )
    ports: tuple[Port, ...] = Field(
        default=(53,),
        min_length=1,
        max_length=4,
        json_schema_extra=list_set(),
        description=(
            "Ports on which the DNS pods themselves listen, by UDP and TCP. Policies are judged"
            " behind the Service: where its `targetPort` is another one than 53, as 5353 on"
            " OpenShift, list that."
        ),
    )
    addresses: tuple[HostAddress, ...] = Field(
        default=(),
        max_length=4,
        json_schema_extra=list_set(),
        description=(
            "Addresses of a name server that no label selects, because it shares the node's"
            " network, such as that of NodeLocal DNSCache: `169.254.20.10`. Port 53 (UDP and TCP)"
            " of exactly these is opened as well, also where they are link-local. When empty: none."
        ),
    )


class AllowedRoute(Model):
    """A network that Experiments may declare as an egress route, as a whole or in part."""

    name: DnsLabel = Field(description="Name of the route, for messages.")
    cidr: Cidr = Field(description="The network. A declared route has to lie inside it.")
    ports: tuple[PortRule, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_atomic(),
        description=(
            "The ports. Every port of a declared route has to be among them, with the same"
            " protocol."
        ),
    )


class OfferedService(Model):
    """Pods of another namespace that Experiments may ask to reach, by name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!self.__namespace__.startsWith('gbx-')",
                "must not be the namespace of an experiment: nothing leads from one into another",
                field_path=".namespace",
                reason=FORBIDDEN,
            ),
            rule(
                "self.?systemNamespace.orValue('') == 'Allowed' ||"
                " !(self.__namespace__.startsWith('kube-') ||"
                " self.__namespace__.startsWith('openshift-'))",
                "must not be a namespace of the cluster's own unless that is meant: set"
                " `systemNamespace: Allowed` to open its pods to experiments",
                field_path=".namespace",
                reason=FORBIDDEN,
            ),
        )
    )

    name: DnsLabel = Field(
        description="Name by which an Experiment asks for it (`spec.network.services`)."
    )
    namespace: DnsLabel = Field(description="Namespace of the pods.")
    pod_labels: dict[str, str] = Field(
        min_length=1,
        max_length=8,
        description=(
            "Labels of the pods, all of which they must have. Whoever may give pods there these"
            " labels is reached too."
        ),
    )
    ports: tuple[PortRule, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=list_atomic(),
        description=(
            "The ports on which the pods themselves listen: policies are judged behind a Service,"
            " so its `targetPort` counts, not its `port`."
        ),
    )
    system_namespace: Literal["Refused", "Allowed"] = Field(
        default="Refused",
        description=(
            "Whether `namespace` may be one of the cluster's own (`kube-...`, `openshift-...`) or"
            " the operator's. `Refused`: a profile that names one cannot be used."
        ),
    )


class RunProxy(Proxy):
    """A proxy by which the programs of a run reach what has a name and no fixed address."""

    url: ProxyUrl = Field(
        description=(
            "URL of the proxy, such as `http://proxy.example:3128`. What runs reach through it, the"
            " proxy decides, and nothing else: no NetworkPolicy sees it."
        )
    )
    no_proxy: tuple[Host, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description=(
            "Hosts that are reached without the proxy, and all below them, by routes of their own."
            " The pods of the run, names of the cluster, declared routes and the store are among"
            " them by themselves."
        ),
    )


class RunTls(Model):
    """Whom the programs of a run trust."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *certificates_alone(
                "every run would have the private key. Take it out, and replace it everywhere"
            )
        )
    )

    ca_bundle: str = Field(
        min_length=1,
        max_length=16384,
        description=(
            "Certificates of the authorities, in PEM. Programs that read the usual variables"
            " (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and others) trust them alone: list public"
            " ones too where they are needed. The store's own are in `spec.tls` of the ObjectStore."
            " Bound with an Experiment, and in its digest."
        ),
    )


class ProfileNetwork(Model):
    """What experiments may reach. Everything else is closed, in both directions."""

    dns: Dns = Field(default=Dns(), description="Where the cluster's DNS runs.")
    routes: tuple[AllowedRoute, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description=(
            "Networks that Experiments may declare as egress routes. When empty: none. A declared"
            " route has to fit into one entry."
        ),
    )
    services: tuple[OfferedService, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=list_map("name"),
        description=(
            "Pods of other namespaces that Experiments may ask to reach, each by its name. A"
            " network never covers pods of the cluster on every network plugin. When empty: none."
        ),
    )
    proxy: RunProxy | None = Field(
        default=None,
        description=(
            "The proxy that Experiments may ask to use (`spec.network.useProxy`). When absent: none"
            " is offered."
        ),
    )
    tls: RunTls | None = Field(
        default=None,
        description=(
            "Whom the programs of a run trust beside their image's own authorities. When absent:"
            " those of the image alone."
        ),
    )
