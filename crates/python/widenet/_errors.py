"""Exceptions, with the texts that the program prints: what is wrong, its value, and what would be right."""


class WidenetError(Exception):
    """Any error of this package."""


class ProblemError(WidenetError, ValueError):
    """A mistake in a problem, a question, a study or an argument."""


class DataError(ProblemError):
    """Data whose content is not what it must be."""


class LimitError(WidenetError, ValueError):
    """A problem whose infinite-width limit does not exist, or is not computed."""


class EngineError(WidenetError, RuntimeError):
    """An engine that cannot take what is asked of it, or failed."""


class FileError(WidenetError, OSError):
    """A file that cannot be read or written."""


class WidenetWarning(UserWarning):
    """What should be known of a result, such as a run that diverged."""
