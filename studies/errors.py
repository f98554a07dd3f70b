"""What a study tells its user in one line."""

from __future__ import annotations


class StudyError(ValueError):
    """A study that cannot be run or read as asked; says what was got and the repair."""


class StorageOutageError(StudyError):
    """A storage that was locked or away for longer than one was ready to wait."""


class UsageError(StudyError):
    """A value that no study could take, such as an unknown task or a negative seed."""


class TrialTakenError(StudyError):
    """A trial that this process ran was ended by another one, which took it for gone."""
