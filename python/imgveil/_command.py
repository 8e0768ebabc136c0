"""The command `imgveil` as a console script: the Rust command in the interpreter's process."""

from __future__ import annotations

import signal
import sys

# Starts the command again for runs in processes of their own. A program text, because it depends on no file that the
# user might move, and not `-m imgveil`, because that would first look into the current folder.
_RESTART = """import sys
if sys.path[:1] == [""]:
    del sys.path[0]
from imgveil._command import main
main()"""


def restart() -> list[str]:
    """The words that start the command in a process of its own."""
    return [sys.executable, "-c", _RESTART] if sys.executable else []


def main() -> None:
    """Runs the command line of this process and ends it with the command's exit code."""
    from . import _imgveil

    if not _imgveil.has_command:
        sys.exit("this build of the package is without the command: build it with the feature `command`")
    # The interpreter only notes Ctrl-C and acts once its own code goes on, which would be at the end of the command.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_imgveil._run_command(["imgveil", *sys.argv[1:]], restart()))
