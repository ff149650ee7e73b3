"""Where a function's code runs, if not on this machine."""

from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """An HTTP endpoint of Lambda's runtime interface; ``url`` has the path in it."""

    url: str

    @override
    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaPlace:
    """A function of AWS Lambda.

    Attributes:
        arn: may have a qualifier.
        profile: of AWS's configuration files, in which the credentials are; None for those that
            the server's environment has.
        endpoint_url: whoever speaks Lambda's API; None for AWS.
    """

    arn: str
    profile: str | None = None
    endpoint_url: str | None = None

    @override
    def __str__(self) -> str:
        return self.arn if self.endpoint_url is None else f"{self.arn} at {self.endpoint_url}"


Place = HttpPlace | LambdaPlace
