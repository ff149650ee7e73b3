"""BatchGetSecretValue: up to 20 current values at once; what can't be had is told one by one.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.common_faults import common_fault
from keyturn.api.operation import Output
from keyturn.api.permission import require
from keyturn.api.secretsmanager.faults import fault_of
from keyturn.api.secretsmanager.listing import Listing
from keyturn.api.secretsmanager.resources import SecretResources, no_secret
from keyturn.api.secretsmanager.values import Values
from keyturn.iam.authority import Authority
from keyturn.model.errors import ServiceError
from keyturn.secrets import names, versions
from keyturn.secrets.refusals import EitherListOrFiltersError, MostWithoutFiltersError

VALUES_PER_BATCH_MAX: Final = 20

_SERVICE: Final = "secretsmanager"
_GET: Final = "secretsmanager:GetSecretValue"


class Batch:
    """Reads several secrets, each as GetSecretValue would."""

    def __init__(
        self, values: Values, listing: Listing, resources: SecretResources, authority: Authority
    ) -> None:
        self._values = values
        self._listing = listing
        self._resources = resources
        self._authority = authority

    def batch_get_secret_value(self, call: AuthorisedCall) -> Output:
        params = call.params
        if ("SecretIdList" in params) == bool(params.get("Filters")):
            raise EitherListOrFiltersError
        if "SecretIdList" in params:
            return self._listed(call, params["SecretIdList"])
        return self._filtered(call)

    def _listed(self, call: AuthorisedCall, secret_ids: Sequence[str]) -> Output:
        if "MaxResults" in call.params or "NextToken" in call.params:
            raise MostWithoutFiltersError
        for secret_id in secret_ids:
            # AWS refuses such a request as a whole, before it looks for any secret.
            names.read_secret_id(secret_id)
        return self._read(call, dict.fromkeys(secret_ids))

    def _filtered(self, call: AuthorisedCall) -> Output:
        # AWS: whoever uses filters must be allowed to list secrets too.
        require(self._authority, call, "secretsmanager:ListSecrets", no_secret(call))
        most = call.params.get("MaxResults", VALUES_PER_BATCH_MAX)
        page = self._listing.page(call, listing="BatchGetSecretValue", most=most)
        read = self._read(call, [secret.arn for secret in page.secrets])
        return {**read, "NextToken": page.next_token}

    def _read(self, call: AuthorisedCall, secret_ids: Iterable[str]) -> Output:
        read: list[versions.Found] = []
        opened: list[Output] = []
        refused: list[Output] = []
        for secret_id in secret_ids:
            try:
                found = self._find(call, secret_id)
                opened.append(self._values.open(found))
                read.append(found)
            except ServiceError as error:
                refused.append(_refusal(secret_id, error))
        self._values.note_accesses(read, call.received_at)
        return {"SecretValues": opened, "Errors": refused}

    def _find(self, call: AuthorisedCall, secret_id: str) -> versions.Found:
        resource = self._resources.find(call, secret_id)
        require(self._authority, call, _GET, resource)
        return self._values.find(call, secret_id, resource.arn)


def _refusal(secret_id: str, error: ServiceError) -> dict[str, Any]:
    fault = common_fault(_SERVICE, error) or fault_of(error)
    assert fault is not None, "every refusal of GetSecretValue is an error of AWS's"
    return {"SecretId": secret_id, "ErrorCode": fault.code, "Message": fault.message}
