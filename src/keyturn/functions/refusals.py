"""Why Lambda refuses, one class a reason. Texts that a person reads are whole sentences."""

from keyturn.model.errors import ConflictError, InvalidInputError, LimitError, NotFoundError


class FunctionNotFoundError(NotFoundError):
    """There is no such function; ``arn`` is what was asked for."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Function not found: {arn}")
        self.arn = arn


class FunctionUnavailableError(ConflictError):
    """The function exists and can't be run here now; the message says why and what to do."""


class EnvironmentsBusyError(FunctionUnavailableError):
    """Every execution environment that the function may have is busy."""

    def __init__(self, waited_seconds: int) -> None:
        super().__init__(
            f"Every execution environment has been busy for {waited_seconds} seconds. Try again "
            "later."
        )
        self.waited_seconds = waited_seconds


class ExecutionRoleError(FunctionUnavailableError):
    """Lambda can't take on the function's role: it is gone, or doesn't trust Lambda any more."""

    def __init__(self, role_arn: str) -> None:
        super().__init__(
            f"The role {role_arn} can't be assumed by Lambda: it is gone, or its trust policy "
            "doesn't name lambda.amazonaws.com."
        )
        self.role_arn = role_arn


class FunctionExistsError(ConflictError):
    """Another function has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AliasNotFoundError(NotFoundError):
    """The function has no such alias; ``arn`` is what was asked for."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Cannot find alias arn: {arn}")
        self.arn = arn


class AliasExistsError(ConflictError):
    """The function has an alias of that name."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Alias already exists: {arn}")
        self.arn = arn


class VersionInUseError(ConflictError):
    """Aliases lead to the version."""

    def __init__(self, aliases: list[str]) -> None:
        super().__init__(
            "Unable to delete version because the following aliases reference it: "
            f"[{', '.join(aliases)}]"
        )
        self.aliases = aliases


class LayerVersionNotFoundError(NotFoundError):
    """There is no such version of a layer; ``arn`` is what was asked for."""

    def __init__(self, arn: str) -> None:
        super().__init__(arn)
        self.arn = arn


class LayerVersionGoneError(InvalidInputError):
    """A function can't have a layer version that there isn't."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"Layer version {arn} does not exist.")
        self.arn = arn


class LayerPolicyNotFoundError(NotFoundError):
    """The layer version has no policy."""


class LayerRevisionMismatchError(ConflictError):
    """The layer version's policy was changed since the caller looked."""


class ReservedConcurrencyError(ConflictError):
    """The function's reserved concurrency is used up, or none at all."""

    def __init__(self) -> None:
        super().__init__("The function's reserved concurrency is used up. Try again later.")


class EventTooLargeError(LimitError):
    """The event is larger than one that waits may be."""

    def __init__(self, length: int, bytes_max: int) -> None:
        super().__init__(length, bytes_max)
        self.length = length
        self.bytes_max = bytes_max


class EventQueueFullError(LimitError):
    """Too many of the function's events wait already."""


class EventInvokeConfigNotFoundError(NotFoundError):
    """There are no settings for asynchronous invocations of that ARN."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"The function {arn} doesn't have an EventInvokeConfig")
        self.arn = arn


class RevisionMismatchError(ConflictError):
    """The function was changed since the caller looked."""


class ParameterError(InvalidInputError):
    """A member has a value that can't be used; the message is what AWS says, or as it would."""


class OtherRegionError(NotFoundError):
    """``kind``, such as Functions, are named by an ARN of another region than is called."""

    def __init__(self, kind: str, region: str, called_region: str) -> None:
        super().__init__(kind, region, called_region)
        self.kind = kind
        self.region = region
        self.called_region = called_region


class UnknownRuntimeError(InvalidInputError):
    """No functions run on that runtime here.

    ``missing`` says what it needs that isn't here; None when there is no such runtime.
    """

    def __init__(self, runtime: str, available: tuple[str, ...], missing: str | None) -> None:
        super().__init__(runtime, available)
        self.runtime = runtime
        self.available = available
        self.missing = missing


class RoleNotAssumableError(InvalidInputError):
    """The execution role doesn't exist, or doesn't trust Lambda."""


class UnzipError(InvalidInputError):
    """The package isn't a ZIP that can be unpacked safely; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PackageTooLargeError(LimitError):
    """The package is larger than Lambda takes."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(bytes_max)
        self.bytes_max = bytes_max


class PayloadTooLargeError(LimitError):
    """The event is larger than Lambda takes."""

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length


class PayloadNotJsonError(InvalidInputError):
    """The event isn't a JSON text."""


class StatementExistsError(ConflictError):
    """The function's policy has a statement of that id."""

    def __init__(self, statement_id: str) -> None:
        super().__init__(statement_id)
        self.statement_id = statement_id


class PolicyNotFoundError(NotFoundError):
    """The policy that is asked for doesn't exist: the function has none."""


class NoPolicyError(NotFoundError):
    """The function has no policy that a statement could be removed from."""


class PolicyTooLongError(LimitError):
    """The function's policy would be longer than one may be."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(bytes_max)
        self.bytes_max = bytes_max


class StatementNotFoundError(NotFoundError):
    """The function's policy has no statement of that id."""

    def __init__(self, statement_id: str) -> None:
        super().__init__(statement_id)
        self.statement_id = statement_id


class PrincipalInvalidError(InvalidInputError):
    """The principal is neither an account, an ARN nor a service."""


class QualifierNotServedError(InvalidInputError):
    """``$LATEST`` takes no policy of its own."""
