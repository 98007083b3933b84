"""`gunicorn wsgi:app`, started in this folder, takes its settings from here, as `mnistweb serve` has them."""

import os

# One BLAS thread for each of ours; it must be said before NumPy is imported, which the next line does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from mnistweb.config import load_settings
from mnistweb.resources import instance_folder
from mnistweb.web.server import server_settings

globals().update(server_settings(load_settings(instance_folder())))
