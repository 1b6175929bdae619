"""One image, from its URL to its outcome: fetch, measure, model step."""

import logging
import time
from collections.abc import Callable
from typing import Any, Self

from django.conf import settings

from jobs import errors, failpoints
from jobs.imaging.batch import ModelAway
from jobs.imaging.fetch import Download, Fetcher
from jobs.imaging.gpu import AnswerRefused, GPUStep
from jobs.imaging.host_cap import HostBusy
from jobs.imaging.keep import Keeper
from jobs.imaging.measure import measure
from jobs.imaging.model_step import ModelStep
from jobs.imaging.photo_evidence import Level, photo_evidence
from jobs.imaging.types import Claim, Evidence, Measurement, Outcome

logger = logging.getLogger(__name__)


class Pipeline:
    """What every worker slot of an engine runs; they share one instance. `close` it after use."""

    def __init__(
        self,
        fetcher: Fetcher,
        model: ModelStep | GPUStep,
        *,
        check: str,
        max_pixels: int,
        keeper: Keeper | None = None,
        evidence: Level = Level.OFF,
    ) -> None:
        self._fetcher = fetcher
        self.model = model if isinstance(model, ModelStep) else ModelStep([model])
        self._check = check
        self._max_pixels = max_pixels
        self.keeper = keeper
        self._evidence = evidence

    @classmethod
    def from_settings(cls) -> Self:
        """With its model loaded. Raises ImproperlyConfigured if GPU_STEP does not name one, or it cannot be loaded."""
        model = ModelStep.from_settings()
        model.start()
        return cls(
            Fetcher.from_settings(),
            model,
            check=settings.IMAGE_CHECK,
            max_pixels=settings.IMAGE_MAX_PIXELS,
            keeper=Keeper.from_settings(),
            evidence=Level[settings.PHOTO_EVIDENCE.upper()],
        )

    def close(self) -> None:
        """Abort running downloads, put off what waits for the model, and release all connections."""
        self._fetcher.close()
        self.model.close()

    def process(self, claim: Claim, fetched: Callable[[Claim], None] = lambda _: None) -> Outcome:
        """The outcome of one attempt; `fetched` is called once the download is complete.

        Never raises: an unexpected exception is logged and becomes `internal`.
        """
        evidence = Evidence()
        if self.model.is_away:
            return Outcome(claim, evidence)
        try:
            with _timed(evidence, "fetch_ms"):
                download = self._fetcher.fetch(claim.url, evidence)
            with download:
                fetched(claim)
                failpoints.hit("measure.before", claim)
                with _timed(evidence, "measure_ms"):
                    measurement = measure(
                        download.file, framed=download.framed, check=self._check, max_pixels=self._max_pixels
                    )
                    _check_size(claim, measurement, evidence)
                    photo = photo_evidence(download.file, measurement.format, self._evidence)
                if self.keeper is not None:
                    evidence.kept = self.keeper.keep(download.file, photo.sha256 if photo else None)
                with _timed(evidence, "gpu_ms"):
                    answer = self._infer(claim, download, measurement)
        except (HostBusy, ModelAway):
            return Outcome(claim, evidence)
        except errors.Internal as error:
            logger.exception("image failed unexpectedly", extra=_log_fields(claim))
            return Outcome(claim, evidence, error=_bare(error))
        except errors.ImageError as error:
            return Outcome(claim, evidence, error=_bare(error))
        except Exception:
            logger.exception("image failed unexpectedly", extra=_log_fields(claim))
            return Outcome(claim, evidence, error=errors.Internal())
        return Outcome(claim, evidence, measurement=measurement, gpu_result=answer, photo=photo)

    def _infer(self, claim: Claim, download: Download, measurement: Measurement) -> dict[str, Any] | None:
        failpoints.hit("gpu.before", claim)
        try:
            return self.model.answer(claim, download, measurement)
        except ModelAway:
            raise
        except AnswerRefused as reason:
            logger.exception("model step failed", extra=_log_fields(claim))
            raise errors.GPUFailed(str(reason)) from None
        except Exception:
            logger.exception("model step failed", extra=_log_fields(claim))
            raise errors.GPUFailed from None


def _check_size(claim: Claim, measurement: Measurement, evidence: Evidence) -> None:
    """Raises BelowCategorySize."""
    width, height = measurement.width, measurement.height
    if width < claim.min_width or height < claim.min_height:
        evidence.size = width, height
        raise errors.BelowCategorySize(
            f"The image has {width:,} x {height:,} pixels (width x height); the store's category asks for at least "
            f"{max(claim.min_width, 1):,} x {max(claim.min_height, 1):,}."
        )


class _timed:  # noqa: N801 - used like a function: with _timed(...)
    """Puts the milliseconds that the block takes into a field of the evidence, however it ends."""

    __slots__ = ("_evidence", "_field", "_started")

    def __init__(self, evidence: Evidence, field: str) -> None:
        self._evidence = evidence
        self._field = field
        self._started = time.monotonic()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        setattr(self._evidence, self._field, round((time.monotonic() - self._started) * 1000))


def _log_fields(claim: Claim) -> dict[str, int]:
    return {"job": claim.job_id, "image": claim.image_id, "attempt": claim.attempt}


def _bare[E: errors.ImageError](error: E) -> E:
    """The error without its traceback and causes, which would keep sockets and image bytes alive."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
