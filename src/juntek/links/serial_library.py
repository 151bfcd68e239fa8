"""serialx as all kinds of link import it: without its ESPHome part, whose library takes 9 MB; rule: that one asks."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

ESPHOME = "aioesphomeapi"

# serialx goes without what cannot be imported, and None is Python's word for that.
_hidden = ESPHOME not in sys.modules and "serialx" not in sys.modules
if _hidden:
    sys.modules[ESPHOME] = cast("ModuleType", None)
try:
    import serialx
    from serialx.descriptor_transport import DescriptorTransport
finally:
    if _hidden:
        del sys.modules[ESPHOME]

__all__ = ["DescriptorTransport", "serialx"]
