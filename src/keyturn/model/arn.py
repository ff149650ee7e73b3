"""Amazon Resource Names: ``arn:partition:service:region:account:resource``.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from dataclasses import dataclass

from typing_extensions import override

_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Arn:
    """One ARN, taken apart. ``region`` and ``account`` may be empty (IAM has no region)."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> "Arn | None":
        """Return the ARN that ``text`` spells, or None when it doesn't spell one."""
        fields = text.split(":", _FIELDS - 1)
        if len(fields) != _FIELDS or fields[0] != "arn":
            return None
        _, partition, service, region, account, resource = fields
        if not (partition and service and resource):
            return None
        return cls(partition, service, region, account, resource)

    @override
    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def partition_of(region: str) -> str:
    """Return the partition that a region belongs to, as AWS names them."""
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if region.startswith(prefix):
            return partition
    return "aws"
