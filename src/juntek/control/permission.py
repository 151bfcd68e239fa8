"""Who may write what: the words of `allow_control`; rule: what is dangerous is allowed by its own name only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from juntek.control.controls import ALIASES, Control
from juntek.option import find_close
from juntek.rs485.family import find_models

SETTINGS: Final = "settings"
"""The word for all that is harmless or accounting."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be written; nothing by default."""

    words: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Permission:
        """Return the permission that a key of the configuration gives."""
        return cls(frozenset(map(_plain, words)))

    def __bool__(self) -> bool:
        return self.everything or bool(self.words)

    def allows(self, control: Control) -> bool:
        """Return whether this may be written."""
        if not control.writable:
            return False
        if self.everything or control.key in self.words:
            return True
        return SETTINGS in self.words and control.risk != "dangerous"


ALL = Permission(everything=True)
"""That of an owner at the command line."""


def check_words(words: tuple[str, ...]) -> str | None:
    """Return what is wrong with an `allow_control`, as the end of a sentence that begins with the key."""
    known = _known()
    wrong = next((word for word in words if _plain(word) not in known), None)
    if wrong is None:
        return None
    close = find_close(_plain(wrong), known, 0.6)
    mend = f'did you mean "{close}"?' if close else f"write {', '.join(known)}."
    return f'has "{wrong}", which is no setting and no action; {mend}'


@cache
def _known() -> tuple[str, ...]:
    models = find_models()
    settings = dict.fromkeys(key for model in models for key in model.settable)
    actions = dict.fromkeys(action.key for model in models for action in model.actions)
    return SETTINGS, *settings, *actions


def _plain(word: str) -> str:
    key = word.strip().lower().replace("-", "_")
    return ALIASES.get(key, key)
