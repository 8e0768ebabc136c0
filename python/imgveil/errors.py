"""The exceptions of imgveil. Programs decide by the class, or by `kind`; people read the text.

>>> import imgveil
>>> try:
...     imgveil.Scheme("no-such-scheme")
... except imgveil.SchemeError as error:
...     error.kind
'scheme'
"""


class Error(Exception):
    """Any error of imgveil. `kind` is what it is about, as a word."""

    kind = "other"


class InvalidKeyError(Error, ValueError):
    """The text of a key is damaged or is no key, or the key is not the one."""

    kind = "key"


class SchemeError(Error, ValueError):
    """A scheme, a stage or an option is not valid."""

    kind = "scheme"


class GeometryError(Error, ValueError):
    """A shape or a depth is not valid."""

    kind = "geometry"


class TablesError(Error, ValueError):
    """Written-out tables do not belong to the scheme, or are damaged."""

    kind = "tables"


class IncompatibleError(Error, ValueError):
    """The scheme does not fit the images."""

    kind = "incompatible"


class LossyError(Error):
    """The scheme loses information and cannot be undone."""

    kind = "lossy"


class BatchError(Error, ValueError):
    """Images, names, ids or `out` do not fit together or do not fit the cipher."""

    kind = "batch"


class DtypeError(BatchError, TypeError):
    """An array has another type than the cipher takes, or is no array."""


class DeviceError(Error, RuntimeError):
    """The device refused or failed, was closed, or belongs to another process."""

    kind = "device"


class NoDeviceError(DeviceError):
    """There is no such device."""

    kind = "no_device"


class DeviceLimitError(DeviceError):
    """The images or the plan do not fit the device's limits."""

    kind = "device_limit"


class DeviceTimeoutError(DeviceError, TimeoutError):
    """The device did not answer in time."""

    kind = "timeout"


class FileError(Error, OSError):
    """A file of a key or of tables cannot be read or written."""

    kind = "io"


class MissingFileError(FileError, FileNotFoundError):
    """A path does not exist."""

    kind = "not_found"


class ExistingFileError(FileError, FileExistsError):
    """A file exists, and is never overwritten."""

    kind = "already_exists"


class SetError(Error):
    """A set of images is damaged, incomplete, or not of a supported format."""

    kind = "set"


class UsageError(Error, ValueError):
    """What a job was asked for is not valid, or does not fit its input or output."""

    kind = "usage"


class WorkerError(Error, RuntimeError):
    """A process of a cluster died again and again, or does not see the files that others see."""

    kind = "worker"
