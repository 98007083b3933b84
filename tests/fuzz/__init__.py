"""Long runs by command, `python -m tests.fuzz.<name> --help`. The normal suite runs short versions."""
