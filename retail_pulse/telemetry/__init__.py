"""How a process is doing: metrics and probes on a port of its own."""

from django.conf import settings


def serve_metrics() -> None:
    """Answer on METRICS_PORT from now on, in threads of its own; nothing where it is 0.

    Each process calls it once, after its last fork: what is counted belongs to the process that does the work.
    """
    if settings.METRICS_PORT:
        from retail_pulse.telemetry.port import serve  # with the library, which takes a while to load

        serve()
