"""Which database a call is about: by its identifier, or its ARN; or all of a kind.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html. A call
that names none is about ``db:*`` or ``cluster:*``: a policy allows the whole list, or none of it.
"""

from dataclasses import dataclass

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.operation import Resource
from keyturn.api.rds.refusals import InvalidIdentifierError, UnknownTargetError
from keyturn.model.arn import Arn
from keyturn.model.target import ARN_WORDS, Target, TargetKind, target_arn
from keyturn.secrets import targets
from keyturn.store import targets as rows
from keyturn.store.database import Connection


@dataclass(frozen=True, slots=True)
class Asked:
    """The member of a request that names what it is about.

    Attributes:
        kind: what it names.
        member: its name, such as ``DBInstanceIdentifier``.
    """

    kind: TargetKind
    member: str

    def resource(self, call: AuthenticatedCall) -> Resource:
        """Return what a decision about the call is about.

        Raises:
            InvalidIdentifierError: no database can be called what it asks for.
        """
        if self.member in call.params:
            return Resource(self._arn(call))
        return Resource(target_arn(call.account, call.region, self.kind, "*"))

    def found(self, connection: Connection, call: AuthorisedCall) -> list[Target]:
        """Return the database that the call names, or all there are, by name.

        Raises:
            UnknownTargetError: there is none of that name.
        """
        if self.member not in call.params:
            return rows.in_region(connection, call.account, call.region, self.kind)
        arn = self._arn(call)
        name = arn.rpartition(":")[2]
        target = rows.find(connection, call.account, call.region, self.kind, name)
        # An ARN may be of another account or region, where nothing is looked for.
        if target is None or target.arn != arn:
            raise UnknownTargetError(self.kind, call.params[self.member])
        return [target]

    def _arn(self, call: AuthenticatedCall) -> str:
        identifier: str = call.params[self.member]
        arn = Arn.parse(identifier)
        if arn is None:
            name = self._checked(identifier)
            return target_arn(call.account, call.region, self.kind, name)
        service, prefix = ARN_WORDS[self.kind]
        if arn.service != service or not arn.resource.startswith(prefix):
            raise InvalidIdentifierError(self.member)
        name = self._checked(arn.resource.removeprefix(prefix))
        return f"{identifier[: -len(name)]}{name}"

    def _checked(self, name: str) -> str:
        # AWS: identifiers are kept in small letters, and aren't case-sensitive.
        if not targets.is_name(name.lower()):
            raise InvalidIdentifierError(self.member)
        return name.lower()
