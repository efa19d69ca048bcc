"""Refuses secrets in parameters: by name, and by the shape of the value.

Parameters are hashed, recorded and shown to everybody who may read the experiment. The patterns
allow the words of machine learning: `maxTokens`, `tokenizer` and `pad_token` pass, `authToken` and
`hf_token` do not.
"""

from __future__ import annotations

import re
from typing import Final

from glovebox.api.schema import Checked

SUSPICIOUS_NAME: Final = (
    r"(?i)(passw(or)?d|passphrase|^(.*[._-])?pwd$|secrets?$|secret[._-]?(access)?[._-]?key|api[._-]?key|access[._-]?key|private[._-]?key"
    r"|account[._-]?key|signing[._-]?key|encryption[._-]?key|credentials?$|connection[._-]?string"
    r"|^token$|(access|auth|api|bearer|refresh|session|security|hf|hub|github|gitlab|slack|wandb|bot)[._-]?token$)"
)
# Parts of their own, because `data/redaction.py` looks for each in another way.
ISSUED_KEY: Final = (
    r"A(KIA|SIA)[0-9A-Z]{16}|-----BEGIN|gh[opsur]_[0-9A-Za-z]{30}|github_pat_[0-9A-Za-z_]{30}|glpat-[0-9A-Za-z_-]{20}|xox[abeprs]-[0-9]"
    r"|hf_[0-9A-Za-z]{30}"
)
WEB_TOKEN: Final = r"eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\."  # noqa: S105 - a pattern
_URL_PASSWORD: Final = r"://[^/:@ ]+:[^/@ ]+@"  # noqa: S105 - a pattern
SUSPICIOUS_VALUE: Final = f"({ISSUED_KEY}|{WEB_TOKEN}|{_URL_PASSWORD})"
_CURE: Final = (
    "this is part of the experiment's identity, recorded and readable by everybody who may read"
    " the Experiment. Remove it, and revoke it where it is valid. `spec.stages[].secrets` gives a"
    " stage what the profile offers, and the credentials for the store come from Glovebox"
)
_PIN_CURE: Final = (
    "a pin is readable by everybody who may read its namespace. Remove it, and revoke it where it"
    " is valid"
)
MAX_NAME: Final = 256


def _no_name_sounds_secret(parameters: dict[str, str]) -> bool:
    return not any(re.search(SUSPICIOUS_NAME, name) for name in parameters)


def _no_value_looks_secret(parameters: dict[str, str]) -> bool:
    return not any(re.search(SUSPICIOUS_VALUE, value) for value in parameters.values())


# Both rules apply to the map: a rule on the single value would have the API server print that value
# in its refusal.
def _no_secret_names(cure: str) -> Checked[dict[str, str]]:
    return Checked(
        accepts=_no_name_sounds_secret,
        expression=f"self.all(name, !name.matches(r'{SUSPICIOUS_NAME}'))",
        message=(
            "must not contain a secret, and a name among them sounds like one (such as password,"
            f" token, secret, apiKey): {cure}"
        ),
        message_expression=(
            '"must not contain a secret, and the name \'" + self.filter(name,'
            f" name.matches(r'{SUSPICIOUS_NAME}'))[0]"
            f' + "\' sounds like one: {cure}"'
        ),
    )


def _no_secret_values(cure: str) -> Checked[dict[str, str]]:
    return Checked(
        accepts=_no_value_looks_secret,
        expression=f"self.all(name, !self[name].matches(r'{SUSPICIOUS_VALUE}'))",
        message=(
            "must not contain a secret, and a value among them has the shape of one (access key,"
            f" private key, token, or a password in a URL): {cure}"
        ),
        message_expression=(
            '"must not contain a secret, and the value of \'" + self.filter(name,'
            f" self[name].matches(r'{SUSPICIOUS_VALUE}'))[0]"
            " + \"' has the shape of one (access key, private key, token, or a password in a URL):"
            f' {cure}"'
        ),
    )


NO_SECRET_NAMES: Final = _no_secret_names(_CURE)
NO_SECRET_VALUES: Final = _no_secret_values(_CURE)
# The same of what a pin says of the program that produced its data.
NO_SECRET_NAMES_IN_PIN: Final = _no_secret_names(_PIN_CURE)
NO_SECRET_VALUES_IN_PIN: Final = _no_secret_values(_PIN_CURE)
SHORT_NAMES: Final = Checked[dict[str, object]](
    lambda entries: all(len(name) <= MAX_NAME for name in entries),
    f"self.all(name, name.size() <= {MAX_NAME})",
    f"must have no key of more than {MAX_NAME} characters; shorten it",
)
