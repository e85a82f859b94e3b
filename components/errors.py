"""What can go wrong in Kubeloop, as one small family.

Every error that a user may see derives from `KubeloopError`: its text says what failed, the value,
what was expected and what to do. The command line turns the family into exit codes and one screen;
anything else that escapes is a bug and keeps its traceback.
"""


class KubeloopError(Exception):
    """Base of all errors that Kubeloop raises on purpose."""


class SpecError(KubeloopError):
    """The spec, or a call that stands in for one, is wrong; nothing has run."""


class DataError(KubeloopError):
    """The data cannot be read, or breaks its contract."""


class TrainingError(KubeloopError):
    """No usable model could be fitted."""


class BundleError(KubeloopError):
    """A model bundle is incomplete, damaged, of a newer format, or disagrees with itself."""


class RegistryError(KubeloopError):
    """The model registry cannot be reached or holds something unexpected."""


class DeployError(KubeloopError):
    """A model could not be brought to, or kept in, service."""


class StateError(KubeloopError):
    """The state folder is of a newer format, damaged, or in use."""


class RequestError(KubeloopError):
    """A client's request cannot be answered as it is."""


def root_cause(exc: BaseException) -> BaseException:
    """Finds what an error came from: of a failed connection the system's own word for it."""
    while exc.__cause__ or exc.__context__:
        exc = exc.__cause__ or exc.__context__ or exc
    return exc
