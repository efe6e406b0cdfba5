"""Packet scripts: packetdrill's published language, read into values and written back.

`parse` reads a script, `show` writes its normal form, and ``parse(show(script)) == script``. Both are pure.
`running.run` runs a script on an arm (arm.py): the model (simulation.py) or the running kernel (kernel.py).

Not here: the command line (wouldblock/scripts.py).
"""

from .lexer import ScriptError
from .parser import parse
from .printing import show, show_event
from .syntax import Script

__all__ = ["Script", "ScriptError", "parse", "show", "show_event"]
