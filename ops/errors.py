"""How a command fails; bad input is activities.errors.BadInput."""


class CommandFailed(Exception):
    """The command could not do its work: the message names what is wrong and what to do. Exit code 1."""
