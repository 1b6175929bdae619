"""From a URL to a measurement: plain values in, plain values out, no database."""
