"""The folders mirror the tree; `end_to_end`, `browser`, `admin` and `proofs` ask about more than one package."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
