"""Errors of the user's code, told in the user's terms: a stack that starts in the user's file."""

from __future__ import annotations

import os
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__))
_IMPORT_MACHINERY = "<frozen importlib"


def describe(error: BaseException) -> tuple[str, str]:
    """One line, and the whole stack."""
    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    stack = "".join(traceback.format_exception(type(error), error, frames))
    return "".join(traceback.format_exception_only(type(error), error)).strip().split("\n")[-1], stack


def _is_ours(file: str) -> bool:
    return file.startswith((_HERE + os.sep, _IMPORT_MACHINERY))
