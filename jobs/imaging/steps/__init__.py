"""Model steps that come with the service, to be named in GPU_STEP; docs/model.md says how each is set up.

What a step needs beyond the service's own packages is imported when it is loaded, and only then.
"""

from jobs.imaging.steps.facts import PhotoFacts
from jobs.imaging.steps.http import HttpStep
from jobs.imaging.steps.kserve import KServeStep
from jobs.imaging.steps.onnx import OnnxStep
from jobs.imaging.steps.sign import SignStep

__all__ = ["HttpStep", "KServeStep", "OnnxStep", "PhotoFacts", "SignStep"]
