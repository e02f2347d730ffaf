"""What a command raises when it cannot run."""

__all__ = ["CommandError"]


class CommandError(Exception):
    """A command that cannot run, and why: the whole message for the user."""
