"""An error of what a definition names, told where the definition names it."""

from __future__ import annotations

from ironhull.definition.place import Place
from ironhull.errors import (
    DefinitionError,
    EnvironmentProblem,
    InputError,
    IronhullError,
    NetworkError,
    Problem,
)

# An error of a kind below one of these may be made of more than a text; who catches it by one of
# these still does, and it ends with the same exit code.
_KINDS = (NetworkError, EnvironmentProblem)


def placed(error: IronhullError, place: Place, what: str) -> IronhullError:
    """The error with the place in front; a DefinitionError where the definition is to be mended."""
    problem = Problem(*place, f"{what}: {error}")
    if isinstance(error, InputError):
        return DefinitionError([problem])
    kind = next((one for one in _KINDS if isinstance(error, one)), IronhullError)
    return kind(str(problem))
