"""`gunicorn wsgi:app`, started in this folder, takes its settings from here, as `mnistweb serve` has them."""

import os

# One BLAS thread for each of ours; it must be said before NumPy is imported, which the next line does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from mnistweb.config import SettingError, settings_of_the_server
from mnistweb.resources import instance_folder
from mnistweb.web.server import server_settings

try:
    globals().update(server_settings(settings_of_the_server(instance_folder())))
except SettingError as error:
    raise SystemExit(f"Error: {error}") from error  # in one line, where gunicorn would show a traceback
