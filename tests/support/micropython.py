"""The MicroPython interpreter that the tests run."""

from tools.interpreter import HOW_TO_GET_IT, ROOT, environment, find

__all__ = ["HOW_TO_GET_IT", "ROOT", "environment", "find"]
