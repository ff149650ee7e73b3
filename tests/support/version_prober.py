"""Reads versions of secrets by their ids while they are rotated, and remembers what each held.

Only a hash of each value is kept. A refusal other than "this version has no value" is an error.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
import hashlib
from itertools import cycle
from random import Random  # noqa: TID251 - it comes in with its seed, so that a failure repeats
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

# The machine is there for the rotations: a reader without a pause would take a core.
_PAUSE_SECONDS = 0.02


class VersionProber:
    """Reads again and again until it is stopped; then it can look at everything once more.

    Attributes:
        seen: the hashes of the values that each version had, whenever it was read.
        reads: how many values were read.
    """

    def __init__(
        self, client: "SecretsManagerClient", secret_ids: Sequence[str], random: Random
    ) -> None:
        self._client = client
        self._secret_ids = secret_ids
        self._random = random
        self._is_stopping = threading.Event()
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.reads = 0

    def run(self) -> None:
        """Read each secret in turn: its labelled versions, and an old one. Until ``stop``."""
        for secret_id in cycle(self._secret_ids):
            if self._is_stopping.wait(_PAUSE_SECONDS):
                return
            described = self._client.describe_secret(SecretId=secret_id)
            labelled = described["VersionIdsToStages"]
            old = sorted(set(self._version_ids(secret_id)) - labelled.keys())
            self._read(secret_id, [*labelled, *self._random.sample(old, min(1, len(old)))])

    def stop(self) -> None:
        """End ``run``."""
        self._is_stopping.set()

    def read_everything(self) -> None:
        """Read every version of every secret."""
        for secret_id in self._secret_ids:
            self._read(secret_id, self._version_ids(secret_id))

    def _version_ids(self, secret_id: str) -> Iterator[str]:
        listed = self._client.list_secret_version_ids(SecretId=secret_id, IncludeDeprecated=True)
        return (version["VersionId"] for version in listed["Versions"])

    def _read(self, secret_id: str, version_ids: Iterable[str]) -> None:
        for version_id in version_ids:
            try:
                answer = self._client.get_secret_value(SecretId=secret_id, VersionId=version_id)
            except self._client.exceptions.ResourceNotFoundException:
                # A rotation has begun; createSecret hasn't stored its value yet.
                continue
            self.seen[version_id].add(hashlib.sha256(answer["SecretString"].encode()).hexdigest())
            self.reads += 1
