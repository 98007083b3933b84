"""Measurements of this project beside the programs that people would use instead, on the same machine."""
