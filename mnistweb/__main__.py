"""``python -m mnistweb`` is the command line ``mnistweb``."""

from mnistweb.cli import main

main(prog_name="mnistweb")
