"""Asks the API server of an environment, by the official client.

What a kubeconfig says is read by the same code as the operator's login: credential plugins, OIDC,
several files. Importing the client takes seconds, so each function does it when it is called.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from glovebox.kube import kubeconfig as reader
from glovebox_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_MANAGER: Final = "glovebox-local"
_SECONDS: Final = 30


def who_is(kubeconfig: Path) -> str:
    """Return the user whom the API server takes us for.

    Raises:
        LocalError: It cannot be reached, or lets nobody in.
    """
    step = "Asking the API server of the kubeconfig"
    with _connected(kubeconfig, step) as client:
        from kubernetes import client as official  # noqa: PLC0415 - takes seconds

        api: Any = official.AuthenticationV1Api(client)
        review = official.V1SelfSubjectReview()
        answer = api.create_self_subject_review(review, _request_timeout=_SECONDS)
        return str(answer.status.user_info.username)


def apply(kubeconfig: Path, documents: Iterable[Mapping[str, Any]], *, step: str) -> None:
    """Apply objects by server-side apply, in their order; what others own of them is taken over.

    Args:
        kubeconfig: As whom.
        documents: The objects.
        step: What they are for, as the progress display calls it.

    Raises:
        LocalError: One was refused, or the API server does not answer.
    """
    with _connected(kubeconfig, step) as client:
        from kubernetes import dynamic  # noqa: PLC0415 - takes seconds

        typeless: Any = dynamic
        # Beside the kubeconfig: the default is one file for all users of this machine.
        cluster = typeless.DynamicClient(
            client, cache_file=str(kubeconfig.with_suffix(".discovery"))
        )
        for document in documents:
            resource = cluster.resources.get(
                api_version=document["apiVersion"], kind=document["kind"]
            )
            resource.server_side_apply(
                body=document,
                name=document["metadata"]["name"],
                namespace=document["metadata"].get("namespace"),
                field_manager=_MANAGER,
                force_conflicts=True,
                _request_timeout=_SECONDS,
            )


@contextmanager
def _connected(kubeconfig: Path, step: str) -> Iterator[Any]:
    """Yield a client of the API server; whatever goes wrong is said in one sentence."""
    from kubernetes.client import ApiClient, ApiException  # noqa: PLC0415 - takes seconds
    from kubernetes.config import ConfigException  # noqa: PLC0415 - as above
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with the client

    try:
        configuration, _ = reader.load(str(kubeconfig))
        # One answer or none: whoever waits is a person.
        configuration.retries = False
        with ApiClient(configuration) as client:
            yield client
    except ConfigException as error:
        raise LocalError(step, str(error)) from None
    except ApiException as error:
        why = f"the API server answers {error.status} {error.reason}"
        cure = ": check the user of the context" if error.status in {401, 403} else ""
        raise LocalError(step, f"{why}{cure}") from None
    except (HTTPError, OSError) as error:
        raise LocalError(step, f"no answer: {error}; is the cluster running?") from None
