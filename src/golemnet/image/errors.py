"""What can be wrong with an image, as a user is told it."""

from __future__ import annotations

from golemnet.errors import GolemError


class ImageError(GolemError):
    """Base of the errors of this package."""


class NotAnImage(ImageError):
    """The file is not a gvmi: no squashfs at its start, or no valid metadata at its end."""


class BadSource(ImageError):
    """What an image should be built from is damaged, hostile or of an unknown kind."""


class MissingTool(ImageError):
    """A program that builds images is not installed; the next step is the command that installs it."""


class RegistryError(ImageError):
    """The registry refused, or could not be reached."""


class UnknownImage(RegistryError):
    """The registry has no image of this hash or tag."""


class WrongContent(ImageError):
    """What was downloaded does not have the hash that names it."""
