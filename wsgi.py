"""The WSGI entry point: ``gunicorn wsgi:app``."""

from mnistweb import create_app

app = create_app()
