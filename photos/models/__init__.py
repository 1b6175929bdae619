"""What was found about photos, and what finds it."""

from photos.models.finding import Finding, FindingQuerySet
from photos.models.fingerprint import Fingerprint
from photos.models.progress import Progress
from photos.models.thresholds import LIMITS, PhotoThresholds
from photos.models.visit_look import VisitLook, VisitLookQuerySet, VisitVerdict

__all__ = [
    "LIMITS",
    "Finding",
    "FindingQuerySet",
    "Fingerprint",
    "PhotoThresholds",
    "Progress",
    "VisitLook",
    "VisitLookQuerySet",
    "VisitVerdict",
]
