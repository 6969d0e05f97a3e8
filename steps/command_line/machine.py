"""The machine that a command runs on, as far as settings of clients are concerned."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from steps.client.model import Machine
from steps.host.errors import InputError


def this_machine() -> Machine:
    """Return it; raise InputError where the user has no home."""
    try:
        home = Path.home()
    except RuntimeError:  # a number without a name, such as in a container
        raise InputError("This user has no home directory", "set HOME to a folder") from None
    return Machine(environ=os.environ, home=home, directory=Path.cwd(), platform=sys.platform)
