"""Licences are SPDX's, and a list of them allows an expression part by part."""

from __future__ import annotations

import pytest

from glovebox.data.licenses import LicenseError, is_allowed, why_unknown


@pytest.mark.parametrize(
    "expression",
    [
        "CC0-1.0",
        "cc-by-4.0",
        "MIT OR Apache-2.0",
        "CC-BY-4.0 AND (MIT OR LicenseRef-Acme-2)",
        "((MIT))",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "GPL-2.0+",
        "LicenseRef-Acme",
    ],
)
def test_what_spdx_knows_is_known(expression: str) -> None:
    assert why_unknown(expression) == ""


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("CC0", "SPDX lists no licence 'CC0'"),
        ("MIT AND Acme", "SPDX lists no licence 'Acme'"),
        ("MIT AND", "a licence is missing at the end"),
        ("OR MIT", "a licence is missing before `OR`"),
        ("()", "a licence is missing before `)`"),
        ("(MIT", "a parenthesis is not closed"),
        ("MIT)", "`)` of 'MIT)' is not expected there"),
        ("MIT Apache-2.0", "`Apache-2.0` of 'MIT Apache-2.0' is not expected there"),
        ("GPL-2.0-only WITH", "an exception is missing after `WITH`"),
        ("GPL-2.0-only WITH MIT", "SPDX lists no licence 'GPL-2.0-only WITH MIT'"),
        ("LicenseRef-Acme+", "'LicenseRef-Acme+' is no SPDX licence: `+` is for those"),
        ("(" * 120 + "MIT", "a parenthesis is not closed"),
    ],
)
def test_what_spdx_does_not_know_is_said(expression: str, why: str) -> None:
    assert why_unknown(expression).startswith(why)
    with pytest.raises(LicenseError):
        is_allowed(expression, allowed=(), denied=())


_ALLOWED = ("CC0-1.0", "MIT", "Apache-2.0")


@pytest.mark.parametrize(
    ("expression", "allowed", "denied", "is_so", "because"),
    [
        ("MIT", _ALLOWED, (), True, "it is on the list"),
        ("mit", _ALLOWED, (), True, "case is no matter"),
        ("MIT", ("mit",), (), True, "of the list neither"),
        ("CC-BY-4.0", _ALLOWED, (), False, "it is not on the list"),
        ("CC-BY-4.0", (), (), True, "there is no list"),
        ("CC-BY-NC-4.0", (), ("CC-BY-NC-4.0",), False, "it is denied"),
        ("MIT AND CC-BY-4.0", _ALLOWED, (), False, "both apply"),
        ("MIT OR CC-BY-4.0", _ALLOWED, (), True, "one may be chosen"),
        ("MIT OR CC-BY-NC-4.0", (), ("CC-BY-NC-4.0",), True, "the other may be chosen"),
        ("MIT AND CC-BY-NC-4.0", (), ("CC-BY-NC-4.0",), False, "the denied one applies"),
        ("CC-BY-4.0 OR MIT AND CC-BY-4.0", _ALLOWED, (), False, "AND binds closer than OR"),
        ("(CC-BY-4.0 OR MIT) AND CC0-1.0", _ALLOWED, (), True, "parentheses bind closest"),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ("GPL-2.0-only",),
            (),
            True,
            "an exception allows more, not less",
        ),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ("GPL-2.0-only WITH Classpath-exception-2.0",),
            (),
            True,
            "it is named with its exception",
        ),
        (
            "GPL-2.0-only",
            ("GPL-2.0-only WITH Classpath-exception-2.0",),
            (),
            False,
            "without the exception it is another one",
        ),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            (),
            ("GPL-2.0-only",),
            False,
            "what is denied is denied with an exception as well",
        ),
        ("LicenseRef-Acme", ("LicenseRef-Acme",), (), True, "a licence of their own"),
        ("LicenseRef-acme", (), ("LicenseRef-Acme",), False, "of those case is no matter either"),
        ("AGPL-3.0", (), ("AGPL-3.0-only",), False, "an older name of the same licence"),
        ("AGPL-3.0-only", (), ("AGPL-3.0",), False, "the older name is in the list"),
        ("AGPL-3.0+", (), ("AGPL-3.0-or-later",), False, "an older name with a plus sign"),
        ("AGPL-3.0-only", ("AGPL-3.0",), (), True, "the older name allows the same"),
        ("CC-BY-NC-4.0+", (), ("CC-BY-NC-4.0",), False, "a plus sign lets nothing in"),
        ("AGPL-3.0-or-later", (), ("AGPL-3.0-only",), False, "nor does `or later`"),
        ("GPL-2.0-or-later", ("GPL-2.0-only",), (), True, "the first version may be chosen"),
        ("GPL-2.0-only", ("GPL-2.0-or-later",), (), False, "it allows no later one"),
        ("GPL-2.0+ WITH Classpath-exception-2.0", (), ("GPL-2.0",), False, "all of it together"),
        ("GPL-2.0-with-GCC-exception", (), ("GPL-2.0-only",), False, "an exception in the name"),
        ("GPL-3.0-only", (), ("GPL-2.0-only",), True, "another version is another licence"),
        ("LGPL-2.1-only", (), ("GPL-2.0-only",), True, "another licence is another one"),
    ],
)
def test_a_list_allows_an_expression_part_by_part(
    expression: str, allowed: tuple[str, ...], denied: tuple[str, ...], is_so: object, because: str
) -> None:
    assert is_allowed(expression, allowed=allowed, denied=denied) is is_so, because
