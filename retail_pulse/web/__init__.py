"""The web server: gunicorn's threaded worker, with its slow clients, its probes and its refusals taken care of."""
