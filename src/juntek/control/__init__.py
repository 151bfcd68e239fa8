"""What may be written to a meter, and what becomes of it; rule: pure, it decides and describes, and sends nothing.

`controls_of` lists the settings and actions of a meter with their limits, `plan` turns wishes into changes or says why
not, `carry_out` gives the changes to whoever sends, one after the other, and says what became of each.
"""

from juntek.control.changes import (
    Change,
    NotAllowedError,
    Result,
    Send,
    carry_out,
    describe,
    plan,
    plan_action,
    require_confirmed,
)
from juntek.control.controls import Control, controls_of, find_control, parse_pair
from juntek.control.permission import ALL, Permission, check_words

__all__ = [
    "ALL",
    "Change",
    "Control",
    "NotAllowedError",
    "Permission",
    "Result",
    "Send",
    "carry_out",
    "check_words",
    "controls_of",
    "describe",
    "find_control",
    "parse_pair",
    "plan",
    "plan_action",
    "require_confirmed",
]
