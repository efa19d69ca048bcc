"""Every reason word, with its meaning and its cure: the same in conditions, Events and metrics.

A reason is stable: programs and alerts compare it. The message beside it may change at any time.
The texts become `docs/reference/conditions.md` (`glovebox.api.condition_docs`); a test refuses a
reason without one. One module a subject; all are read as `reasons.WORD`.
"""

from __future__ import annotations

from glovebox.api.reasons.bound import *
from glovebox.api.reasons.delivery import *
from glovebox.api.reasons.derived import *
from glovebox.api.reasons.every_kind import *
from glovebox.api.reasons.evidence import *
from glovebox.api.reasons.features import *
from glovebox.api.reasons.gate import *
from glovebox.api.reasons.governance import *
from glovebox.api.reasons.isolation import *
from glovebox.api.reasons.meaning import MEANINGS as MEANINGS
from glovebox.api.reasons.meaning import Meaning as Meaning
from glovebox.api.reasons.pinned import *
from glovebox.api.reasons.run import *
from glovebox.api.reasons.store import *
from glovebox.api.reasons.tables import *
