"""One table from what a store or its client answers to the errors of Glovebox.

Stores answer with codes of their own, with bodies that no client can parse, or not at all; here,
and nowhere else, all of that becomes a class (which decides what the reconciler does), a reason
word and a sentence with the cure. Beside it stands what the store itself said: see `answers`.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import urllib3
from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

from glovebox.api import reasons
from glovebox.errors import Conflict, Forbidden, GloveboxError, InvalidInput, Unavailable
from glovebox.store.answers import NOT_FOUND_STATUS, AnswerError, answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER_ERROR: Final = 500
# What http.client says of a proxy that answers a CONNECT with anything but success.
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})")


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: type[GloveboxError]
    reason: str
    cure: str


_REJECTED: Final = _Meaning(
    Forbidden,
    reasons.STORE_CREDENTIALS_REFUSED,
    "the store does not accept the credentials; check the Secret of the ObjectStore",
)
_FORBIDDEN: Final = _Meaning(
    Forbidden,
    reasons.STORE_FORBIDDEN,
    "the store denies it; grant the operator's user this action there",
)
_ARCHIVED: Final = _Meaning(
    Forbidden,
    reasons.STORE_FORBIDDEN,
    "it is archived there, and cannot be read before somebody restores it",
)
_BUSY: Final = _Meaning(
    Unavailable, reasons.STORE_BUSY, "the store asks to slow down; the operator retries"
)
_FAILED: Final = _Meaning(
    Unavailable,
    reasons.STORE_FAILED,
    "the store failed; the operator retries. See the store's log if it lasts",
)
_NO_OBJECT: Final = _Meaning(
    InvalidInput,
    reasons.OBJECT_NOT_FOUND,
    "there is no such object version; it was deleted or never written",
)
_NO_BUCKET: Final = _Meaning(
    Unavailable,
    reasons.BUCKET_NOT_FOUND,
    "the bucket does not exist; create it, or correct its name",
)
_NO_LOCK: Final = _Meaning(
    Unavailable,
    reasons.LOCK_REQUIRED,
    "the bucket has no object lock; use a bucket that was created with one",
)
_NO_ENCRYPTION: Final = _Meaning(
    InvalidInput,
    reasons.ENCRYPTION_REQUIRED,
    "the bucket has no default encryption; set one (put-bucket-encryption)",
)
_NO_KMS: Final = _Meaning(
    InvalidInput,
    reasons.STORE_REJECTED,
    "the store cannot encrypt with this key; see that its KMS is set up, that it knows the key of"
    " `spec.encryption.keyId`, and that the operator's user may use it",
)
_CLOCK: Final = _Meaning(
    Unavailable,
    reasons.CLOCK_SKEWED,
    "the clocks of the operator and the store differ too much; correct them",
)
_PRECONDITION: Final = _Meaning(
    Conflict, reasons.PRECONDITION_FAILED, "somebody else wrote it first"
)
# Not that somebody wrote it: whoever races us may fail, and then nothing lies there.
_UNDECIDED: Final = _Meaning(
    Unavailable,
    reasons.STORE_BUSY,
    "another request for the same object is under way; the operator retries",
)
_INVALID: Final = _Meaning(
    InvalidInput, reasons.STORE_REJECTED, "the store does not accept the request as written"
)
_NOT_OFFERED: Final = _Meaning(
    InvalidInput, reasons.STORE_REJECTED, "the store does not offer this; use one that does"
)
_UNREACHABLE: Final = _Meaning(
    Unavailable,
    reasons.STORE_UNREACHABLE,
    "the store does not answer; check its endpoint and the network between it and the operator",
)
_PROXY: Final = _Meaning(
    Unavailable,
    reasons.STORE_UNREACHABLE,
    "the proxy before the store does not pass it on; check `spec.proxy` of the ObjectStore (or"
    " HTTPS_PROXY of the operator), that the proxy answers, and that it lets through to the host of"
    " the endpoint",
)
_NOT_TRUSTED: Final = _Meaning(
    Unavailable,
    reasons.STORE_UNREACHABLE,
    "its certificate is not trusted; put the certificate of the authority that signed it into"
    " `spec.tls.caBundle` of the ObjectStore, and see that it names the host of the endpoint",
)
# A store gives each refusal a code; what answers 404 without one stands in front of the store, and
# knows nothing of what is in it.
_NOT_THE_STORE: Final = _Meaning(
    Unavailable,
    reasons.STORE_UNREACHABLE,
    "what answered is not the store, because it gave no error code of S3; check the endpoint, and"
    " what is between the operator and the store",
)

_BY_CODE: Final = {
    "AccessDenied": _FORBIDDEN,
    "AllAccessDisabled": _FORBIDDEN,
    "UnauthorizedAccess": _FORBIDDEN,
    "InvalidAccessKeyId": _REJECTED,
    "InvalidClientTokenId": _REJECTED,
    "SignatureDoesNotMatch": _REJECTED,
    "ExpiredToken": _REJECTED,
    "ExpiredTokenException": _REJECTED,
    "InvalidToken": _REJECTED,
    "TokenRefreshRequired": _REJECTED,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "InvalidObjectState": _ARCHIVED,
    "NoSuchBucket": _NO_BUCKET,
    "NoSuchKey": _NO_OBJECT,
    "NoSuchVersion": _NO_OBJECT,
    "ObjectLockConfigurationNotFoundError": _NO_LOCK,
    "NoSuchObjectLockConfiguration": _NO_LOCK,
    "ServerSideEncryptionConfigurationNotFoundError": _NO_ENCRYPTION,
    "KMSNotConfigured": _NO_KMS,
    "KMSKeyNotFoundException": _NO_KMS,
    "KMS.NotFoundException": _NO_KMS,
    "kms:KeyNotFound": _NO_KMS,
    "KMS.DisabledException": _NO_KMS,
    "KMS.KMSInvalidStateException": _NO_KMS,
    "PreconditionFailed": _PRECONDITION,
    "ConditionalRequestConflict": _UNDECIDED,
    "OperationAborted": _UNDECIDED,
    "SlowDown": _BUSY,
    "Throttling": _BUSY,
    "TooManyRequests": _BUSY,
    "ServiceUnavailable": _BUSY,
    "RequestTimeout": _BUSY,
    "InternalError": _FAILED,
    "MethodNotAllowed": _NOT_OFFERED,
    "NotImplemented": _NOT_OFFERED,
}
_BY_STATUS: Final = {
    401: _REJECTED,
    403: _FORBIDDEN,
    404: _NO_OBJECT,
    405: _NOT_OFFERED,
    412: _PRECONDITION,
    429: _BUSY,
    503: _BUSY,
}
_NETWORK: Final = (
    urllib3.exceptions.HTTPError,
    botocore.HTTPClientError,
    botocore.ConnectionError,
    OSError,
)
_NO_CREDENTIALS: Final = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn foreign errors inside the block into ours.

    Args:
        doing: What is attempted on what, as in `read the versioning of bucket artifacts`.

    Raises:
        GloveboxError: Instead of any error of the store or its clients. Other errors pass.
    """
    try:
        yield
    except (
        AnswerError,
        botocore.BotoCoreError,
        botocore.ClientError,
        ResponseParserError,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as error:
        raise translate(error, doing) from error
    except ValueError as error:
        if not _is_of_an_answer(error):
            raise
        raise translate(ResponseParserError(str(error)), doing) from error


def _is_of_an_answer(error: ValueError) -> bool:
    """Return whether a store sent a number or a time that is none, which botocore passes on."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == "botocore.parsers" for frame, _ in frames)


def translate(error: Exception, doing: str) -> GloveboxError:
    """Return our error for a foreign one. See `translated`."""
    answer = answer_of(error)
    if answer is not None:
        meaning = _meaning_of(answer)
        return meaning.kind(
            meaning.reason, f"could not {doing}: {meaning.cure} (the store said {answer.shown})"
        )
    if isinstance(error, _NO_CREDENTIALS):
        return Forbidden(
            reasons.STORE_CREDENTIALS_REFUSED,
            f"could not {doing}: there are no credentials; set spec.credentialsSecretRef of the"
            " ObjectStore",
        )
    if isinstance(error, ResponseParserError):
        return Unavailable(
            reasons.STORE_FAILED,
            f"could not {doing}: the store's answer cannot be read; is the endpoint an S3 API?",
        )
    if isinstance(error, _NETWORK):
        untrusted, stopped = _untrusted(error), _stopped_by_proxy(error)
        meaning = _NOT_TRUSTED if untrusted else _PROXY if stopped else _UNREACHABLE
        why = untrusted or stopped or type(error).__name__
        return meaning.kind(meaning.reason, f"could not {doing}: {meaning.cure} ({why})")
    return InvalidInput(
        reasons.STORE_REJECTED,
        f"could not {doing}: the request is not valid ({type(error).__name__})",
    )


def _untrusted(error: BaseException) -> str:
    """Return why a certificate was not accepted; empty where that is not what failed."""
    for each in _beneath(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return str(each.verify_message) or type(each).__name__
    return ""


def _stopped_by_proxy(error: BaseException) -> str:
    """Return what a proxy said instead of connecting; empty where none stopped it."""
    beneath = list(_beneath(error))
    for each in beneath:
        said = _TUNNEL.search(str(each))
        if said is not None:
            return f"the proxy said {said[1]}"
    proxied = (urllib3.exceptions.ProxyError, botocore.ProxyConnectionError)
    return "ProxyError" if any(isinstance(each, proxied) for each in beneath) else ""


def _beneath(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or each in seen:
            continue
        yield each
        seen.append(each)
        # The clients' libraries keep what they wrap in their own places.
        kept = getattr(each, "kwargs", {}).get("error")
        waiting += [
            each.__cause__,
            each.__context__,
            getattr(each, "reason", None),
            kept,
            *each.args,
        ]


def _meaning_of(answer: AnswerError) -> _Meaning:
    if answer.status == NOT_FOUND_STATUS and not answer.code:
        return _NOT_THE_STORE
    return (
        _BY_CODE.get(answer.code)
        or _BY_STATUS.get(answer.status)
        or (_FAILED if answer.status >= _SERVER_ERROR else _INVALID)
    )
