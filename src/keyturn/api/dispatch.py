"""One request, from bytes to bytes. Read it downwards.

    route         which service and operation it is for; nothing is believed yet
    authenticate  who sent it (SigV4), and its members in the operation's shape
    admit         whether they are within the limit of requests, if there is one
    authorise     whether policies allow it, on the resource that it is about
    perform       the operation itself
    encode        the answer, or the refusal, in the service's protocol

Each stage takes the type that only the stage before makes. A refusal is a ``ServiceError`` or a
``Fault``; anything else that comes up is our own fault, leaves as an internal failure without
detail, and is logged with the request's id. This is one of the two places where every exception is
caught.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.common_faults import common_fault, service_of_unrouted
from keyturn.api.operation import Operation, ServiceApi
from keyturn.api.permission import require
from keyturn.api.rate_limit import RateLimit
from keyturn.api.refusals import OperationNotServedError, ServiceNotServedError
from keyturn.iam.authority import Authority
from keyturn.iam.credentials import Credentials
from keyturn.iam.signature import UnverifiedSignature, read_signature
from keyturn.iam.sigv4 import verify
from keyturn.model.clock import Clock
from keyturn.model.errors import ServiceError
from keyturn.model.http import HttpRequest, HttpResponse
from keyturn.model.ids import new_uuid
from keyturn.wire import service as wire
from keyturn.wire.fault import Fault, internal_failure

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedCall:
    """A request whose service and operation are known, and nothing else.

    Attributes:
        arrived_at: when it came, by the machine's clock: clients sign by theirs.
        received_at: the same moment in the time that its service lives in.
    """

    request: HttpRequest = field(repr=False)
    request_id: str
    arrived_at: datetime
    received_at: datetime
    source_ip: str
    signature: UnverifiedSignature = field(repr=False)
    service: ServiceApi
    operation: Operation
    shape: wire.Operation


class Dispatcher:
    """Answers requests, for every service that is served."""

    def __init__(
        self,
        services: Iterable[ServiceApi],
        credentials: Credentials,
        authority: Authority,
        clock: Clock,
        rate_limit: RateLimit | None = None,
    ) -> None:
        self._services = {service.name: service for service in services}
        self._operations = {
            (service.name, operation.name): operation
            for service in self._services.values()
            for operation in service.operations
        }
        self._credentials = credentials
        self._authority = authority
        self._clock = clock
        self._rate_limit = rate_limit

    def route(self, request: HttpRequest, source_ip: str) -> "RoutedCall | HttpResponse":
        """Return the routed call, or the refusal of one that leads nowhere."""
        request_id = new_uuid()
        try:
            return self._routed(request, source_ip, request_id)
        except (ServiceError, Fault) as error:
            return self._refusal(service_of_unrouted(request), error, request_id)

    def answer(self, routed: RoutedCall) -> HttpResponse:
        """Return the answer to a routed call, whatever it is."""
        try:
            authenticated = self._authenticate(routed)
            self._admit(authenticated)
            authorised = self._authorise(routed.operation, authenticated)
            output = self._perform(routed.operation, authorised)
            return routed.shape.encode(output, routed.request_id)
        except (ServiceError, Fault) as error:
            return self._refusal(routed.service.name, error, routed.request_id)
        except Exception:  # noqa: BLE001 - one of the two outermost edges
            # The traceback only: the locals of a frame could hold a secret value.
            _log.exception(
                "request failed", operation=routed.operation.name, request_id=routed.request_id
            )
            return self._internal_failure(routed.service.name, routed.request_id)

    def _routed(self, request: HttpRequest, source_ip: str, request_id: str) -> RoutedCall:
        signature = read_signature(request)
        service = self._services.get(signature.scope.service)
        if service is None:
            raise ServiceNotServedError(signature.scope.service, self._services)
        shape = wire.load_service(service.name).route(request)
        operation = self._operations.get((service.name, shape.name))
        if operation is None:
            raise OperationNotServedError(shape.name)
        return RoutedCall(
            request=request,
            request_id=request_id,
            arrived_at=self._clock.now(),
            received_at=(service.clock or self._clock).now(),
            source_ip=source_ip,
            signature=signature,
            service=service,
            operation=operation,
            shape=shape,
        )

    def _authenticate(self, routed: RoutedCall) -> AuthenticatedCall:
        signature = routed.signature
        caller, secret_access_key = self._credentials.find(
            signature.access_key_id, signature.session_token
        )
        verify(
            signature,
            routed.request,
            secret_access_key=secret_access_key,
            now=routed.arrived_at,
        )
        return AuthenticatedCall(
            caller=caller,
            region=signature.scope.region,
            request_id=routed.request_id,
            received_at=routed.received_at,
            source_ip=routed.source_ip,
            params=routed.shape.decode(routed.request),
        )

    def _admit(self, call: AuthenticatedCall) -> None:
        if self._rate_limit is not None:
            self._rate_limit.admit(call.caller.identity_arn)

    def _authorise(self, operation: Operation, call: AuthenticatedCall) -> AuthorisedCall:
        resource = operation.resource(call)
        require(self._authority, call, operation.action, resource)
        return AuthorisedCall(
            caller=call.caller,
            region=call.region,
            request_id=call.request_id,
            received_at=call.received_at,
            source_ip=call.source_ip,
            params=call.params,
            resource_arn=resource.arn,
        )

    def _perform(self, operation: Operation, call: AuthorisedCall) -> Mapping[str, Any]:
        return operation.handler(call)

    def _refusal(self, service: str, error: ServiceError | Fault, request_id: str) -> HttpResponse:
        fault = error if isinstance(error, Fault) else self._fault_of(service, error)
        return wire.load_service(service).encode_fault(fault, request_id)

    def _fault_of(self, service: str, error: ServiceError) -> Fault:
        known = common_fault(service, error)
        if known is None and service in self._services:
            known = self._services[service].fault_of(error)
        if known is None:
            _log.error("refusal without a fault", refusal=type(error).__name__, service=service)
            return internal_failure()
        return known

    def _internal_failure(self, service: str, request_id: str) -> HttpResponse:
        return wire.load_service(service).encode_fault(internal_failure(), request_id)
