"""`python -m imgveil` is the command `imgveil`."""

from ._command import main

main()
