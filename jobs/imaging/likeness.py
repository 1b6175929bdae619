"""When two photos are taken for one. Without an import, so that a process that decodes nothing loads no decoder."""

# Bits of the 128 of a difference hash that may differ.
MOST_DIFFERENT = 8
# A photo of less contrast looks like any other of its kind, and its sharpness cannot be told.
FLAT = 12
