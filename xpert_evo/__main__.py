"""`python -m xpert_evo` is the command line."""

from xpert_evo.cli import main

main()
