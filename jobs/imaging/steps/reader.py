"""Finds the lines of text in a picture and reads them, with rapidocr: Apache-2.0, as are its weights."""

from pathlib import Path
from typing import Any

import numpy
import rapidocr
from PIL import Image
from rapidocr.main import RapidOCRError

_MODELS = Path(rapidocr.__file__).parent / "models"
_SETTINGS = {
    # It would log once for each photo without text.
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.use_preprocess_img": False,
    # Named, because the package downloads a model that is not named and not there.
    "Det.model_path": str(_MODELS / "PP-OCRv6_det_small.onnx"),
    "Cls.model_path": str(_MODELS / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
    "Rec.model_path": str(_MODELS / "PP-OCRv6_rec_small.onnx"),
    # Else it would enlarge a narrow picture until its shorter side has 736 pixels.
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
    # Together, all lines would be made as long as the longest one.
    "Rec.rec_batch_num": 1,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
_LONGEST_RATIO = 30
"""Of a line's length to its height; what is longer is none, and would take memory by its length."""


class Reader:
    """For one thread. Of one picture, at most `most` lines are read: the tallest, since reading each takes its time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._engine = rapidocr.RapidOCR(params=_SETTINGS)
        # Both models are loaded when they are first asked.
        self._found(numpy.zeros((64, 64, 3), numpy.uint8))
        self._engine.recognize_txt([numpy.zeros((48, 320, 3), numpy.uint8)])

    def lines(self, picture: Image.Image) -> list[tuple[str, float]]:
        """The text and the score, from 0 to 1, of each line in a picture in RGB, from the top to the bottom."""
        found = self._found(numpy.ascontiguousarray(numpy.asarray(picture)[:, :, ::-1]))
        tallest = sorted(range(len(found)), key=lambda at: -found[at].shape[0])[: self._most]
        if not tallest:
            return []
        read = self._engine.recognize_txt([found[at] for at in sorted(tallest)])
        return [(str(text), float(score)) for text, score in zip(read.txts, read.scores, strict=True) if text.strip()]

    def _found(self, pixels: Any) -> list[Any]:
        """The parts of the picture that hold a line each, upright, from the top to the bottom."""
        try:
            parts, _ = self._engine.detect_and_crop(pixels, {})
        except RapidOCRError:  # there is none
            return []
        return [part for part in parts if 0 < part.shape[1] <= _LONGEST_RATIO * part.shape[0]]
