"""Answer `python -m hub.cli` as the command `hub` does."""

from hub.cli import main

main()
