"""What every request of this service says of itself. Without a library, so that pages that show it load none."""

from retail_pulse.version import VERSION

REQUEST_HEADERS = {
    "User-Agent": f"retail-pulse/{VERSION}",
    "Accept": "*/*",
    # The bytes that are counted and stored must be the image's own.
    "Accept-Encoding": "identity",
}
