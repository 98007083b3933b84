"""Long runs against real servers: an hour of load, signals and kills under load, and too much load."""
