"""The mistakes a user can make, each said in one line: what, where, what to do."""


class NanoganError(Exception):
    """A user's mistake.  Commands print it as one line and leave with status 2."""


class BackendError(NanoganError):
    """The backend that was asked for does not exist or cannot run here."""


class ShapeError(NanoganError, ValueError):
    """Shapes that do not go together; the message shows them."""


class DTypeError(NanoganError, TypeError):
    """Dtypes that do not go together, or integers where a gradient is asked for."""
