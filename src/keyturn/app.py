"""Wires the objects of each of the server's processes together. No logic, no decisions."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
import json
import os
import resource
import socket
import subprocess
import sys
from time import monotonic, monotonic_ns
from typing import Final

import structlog

from keyturn import __version__
from keyturn.api.dispatch import Dispatcher
from keyturn.api.iam.table import iam_api
from keyturn.api.lambda_.code_links import CodeLinks
from keyturn.api.lambda_.table import Means as LambdaMeans, lambda_api
from keyturn.api.logs.table import logs_api
from keyturn.api.operation import ServiceApi
from keyturn.api.rate_limit import RateLimit
from keyturn.api.rds.table import rds_api
from keyturn.api.redshift.table import redshift_api
from keyturn.api.redshift_serverless.table import redshift_serverless_api
from keyturn.api.request_rate import RequestRate
from keyturn.api.secretsmanager.batch import Batch
from keyturn.api.secretsmanager.catalogue import Catalogue
from keyturn.api.secretsmanager.listing import Listing
from keyturn.api.secretsmanager.policies import Policies
from keyturn.api.secretsmanager.replicas import Replication
from keyturn.api.secretsmanager.resources import SecretResources
from keyturn.api.secretsmanager.rotating import Rotating
from keyturn.api.secretsmanager.seen_values import telling
from keyturn.api.secretsmanager.table import Parts, secrets_manager
from keyturn.api.secretsmanager.tags import Tagging
from keyturn.api.secretsmanager.values import Values
from keyturn.api.secretsmanager.version_ids import VersionIds
from keyturn.api.sts.table import sts_api
from keyturn.config import Settings, check, tell_starter
from keyturn.core import Core, open_core
from keyturn.data_dir import DataDir
from keyturn.engine import clock_file
from keyturn.engine.process import EngineParts, run_engine
from keyturn.engine.seen_values import SeenValuesSocket, Teller
from keyturn.engine.virtual_clock import VirtualClock
from keyturn.engine.wake import tapper
from keyturn.functions.execution.code_cache import CodeCache
from keyturn.functions.execution.isolation import NoSandboxError, Wanted
from keyturn.functions.execution.local import LocalInvoker, Means
from keyturn.functions.execution.pool import Pool
from keyturn.functions.execution.process_variables import SessionKeys, session_name
from keyturn.functions.execution.remote import RemoteInvoker
from keyturn.functions.execution.workshop import open_workshop
from keyturn.functions.output.answered_errors import RedactedErrors
from keyturn.functions.output.log_writer import LogWriter
from keyturn.functions.output.seen_values import SeenValues
from keyturn.functions.permission import SecretsManagerGate
from keyturn.functions.runtimes import Runtimes
from keyturn.iam import bootstrap
from keyturn.iam.access_keys import AccessKeyPair
from keyturn.iam.assume import Assumption
from keyturn.iam.credentials import Credentials
from keyturn.keys import master_key
from keyturn.logs import configure_logs
from keyturn.model.clock import SystemClock
from keyturn.model.function import Function
from keyturn.rotation.event_values import noting
from keyturn.rotation.run import Runner
from keyturn.server.api_process import listen, serve as serve_requests
from keyturn.server.asgi import Application
from keyturn.server.supervisor import Supervisor
from keyturn.store.migrate import migrate

_log = structlog.get_logger(__name__)

# Writes wait for each other anyway; these are for reads that aren't quick. As many for Invoke.
_THREADS_PER_PROCESS: Final = 64
_ENGINE: Final = "engine"
#: How long it may take to try a sandbox out.
_SANDBOX_SECONDS_MAX: Final = 60


def serve(settings: Settings) -> None:
    """Prepare the data directory, bind the socket, and run until told to stop."""
    configure_logs()
    # Whatever this process or its children make is its owner's alone. A core file would hold keys.
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    check(settings)
    if settings.sandbox is Wanted.BUBBLEWRAP:
        _require_sandbox()
    data_dir = DataDir(settings.data_dir)
    data_dir.make()
    with data_dir.lock():
        data_dir.require_clock(is_virtual=settings.has_virtual_clock)
        if settings.has_virtual_clock:
            clock_file.make(data_dir.clock)
        _prepare(settings, data_dir)
        listening = listen(settings.host, settings.port)
        endpoint = _endpoint(settings.host, listening)
        data_dir.describe(endpoint=endpoint, account=settings.account)
        # Before the fork: all API processes hold a principal to one limit.
        rate_limit = _rate_limit(settings.requests_per_second)
        api = {
            f"api-{number}": partial(_run_api, settings, data_dir, listening, rate_limit)
            for number in range(settings.api_processes or os.cpu_count() or 1)
        }
        # The engine's functions call the API: it stops first.
        supervisor = Supervisor(
            [api, {_ENGINE: partial(_run_engine, settings, data_dir, endpoint)}]
        )
        # Whoever reads that the server is there may stop it at once.
        supervisor.heed_signals()
        _announce(endpoint, data_dir)
        supervisor.run()


def _require_sandbox() -> None:
    # In a process of its own: what tries it out runs threads, and this one will fork.
    # -P: nothing is imported from the folder that the server happens to be started in.
    command = (sys.executable, "-P", "-m", "keyturn", "sandbox", "--json")
    try:
        # S603: every word is ours.
        tried = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=_SANDBOX_SECONDS_MAX
        )
        said = json.loads(tried.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise NoSandboxError("Functions can't be isolated here: no answer.") from error
    if not said["isolated"]:
        raise NoSandboxError(f"Functions can't be isolated here: {said['reason']}")


def _prepare(settings: Settings, data_dir: DataDir) -> None:
    master_key.load_or_create(data_dir.master_key)
    core = open_core(data_dir)
    migrate(core.database)
    given = settings.administrator_key
    bootstrap.make_administrator(
        core.database,
        core.keyring,
        core.clock,
        settings.account,
        None if given is None else AccessKeyPair(given.access_key_id, given.secret_access_key),
    )
    core.database.close()


def _rate_limit(requests_per_second: float | None) -> RateLimit | None:
    if requests_per_second is None:
        return None
    return RateLimit(RequestRate.per_second(requests_per_second), monotonic_ns)


def _run_api(
    settings: Settings,
    data_dir: DataDir,
    listening: socket.socket,
    rate_limit: RateLimit | None,
) -> None:
    core = open_core(data_dir)
    credentials = Credentials(core.database, core.keyring, core.clock)
    dispatcher = Dispatcher(
        _services(core, data_dir, Runtimes(settings.interpreters, settings.node_client)),
        credentials,
        core.authority,
        core.clock,
        rate_limit,
    )
    threads = ThreadPoolExecutor(_THREADS_PER_PROCESS, thread_name_prefix="request")
    waiting = ThreadPoolExecutor(_THREADS_PER_PROCESS, thread_name_prefix="invoke")
    application = Application(dispatcher, _links(core, data_dir), threads, waiting)
    serve_requests(application, listening)


def _links(core: Core, data_dir: DataDir) -> CodeLinks:
    return CodeLinks(core.database, core.keyring, core.clock, lambda: data_dir.description()[0])


def _services(core: Core, data_dir: DataDir, runtimes: Runtimes) -> tuple[ServiceApi, ...]:
    database, keyring, authority = core.database, core.keyring, core.authority
    gate, wake = SecretsManagerGate(database), tapper(data_dir.wake_socket)
    invoker, links = RemoteInvoker(data_dir.invocation_socket), _links(core, data_dir)
    resources, values = SecretResources(database), Values(database, keyring)
    listing = Listing(database, keyring)
    secrets = secrets_manager(
        Parts(
            resources=resources,
            batch=Batch(values, listing, resources, authority),
            catalogue=Catalogue(database, keyring, authority),
            listing=listing,
            policies=Policies(database, keyring, authority),
            replication=Replication(database, keyring, authority),
            rotating=Rotating(database, keyring, authority, gate, wake),
            tagging=Tagging(database, authority),
            values=values,
            version_ids=VersionIds(database, keyring),
        )
    ).in_time_of(core.secrets_clock)
    return (
        telling(secrets, Teller(data_dir.seen_values_socket).tell),
        lambda_api(LambdaMeans(database, keyring, authority, runtimes, invoker, links, wake)),
        logs_api(database, authority),
        iam_api(database, keyring),
        sts_api(Assumption(keyring, core.clock, authority)),
        rds_api(database),
        redshift_api(database),
        redshift_serverless_api(database),
    )


def _run_engine(settings: Settings, data_dir: DataDir, endpoint: str) -> None:
    core = open_core(data_dir)
    told = SeenValuesSocket(data_dir.seen_values_socket)
    seen = SeenValues(monotonic, told.receive)
    told.listen(seen)
    logs = LogWriter(core.database, core.clock, seen)
    assumption = Assumption(core.keyring, core.clock, core.authority)
    workshop = open_workshop(data_dir.cache, settings.sandbox)
    means = Means(
        runtimes=Runtimes(settings.interpreters, settings.node_client),
        code=CodeCache(core.database, data_dir.cache / "code"),
        pool=Pool(workshop.sandboxes),
        endpoint=endpoint,
        note_values=noting(core.database, core.keyring, seen),
    )
    invoker = LocalInvoker(
        core.database, core.keyring, core.clock, logs, partial(_session, assumption, seen), means
    )
    gate = SecretsManagerGate(core.database)
    run_engine(
        EngineParts(
            database=core.database,
            keyring=core.keyring,
            clock=core.clock,
            secrets_clock=core.secrets_clock,
            virtual_clock=core.virtual_clock,
            workshop=workshop,
            code=means.code,
            pool=means.pool,
            invoker=invoker,
            logs=logs,
            runner=Runner(
                core.database,
                core.keyring,
                RedactedErrors(invoker, seen),
                gate,
                core.secrets_clock,
                _ENGINE,
            ),
            owner=_ENGINE,
            wake_socket=data_dir.wake_socket,
            invocation_socket=data_dir.invocation_socket,
        )
    )


def _session(assumption: Assumption, seen: SeenValues, function: Function) -> SessionKeys:
    session = assumption.issue_service_session(
        function.role_arn, session_name(function), source_function_arn=function.arn
    )
    keys = SessionKeys(
        access_key_id=session.key.access_key_id,
        secret_access_key=session.key.secret_access_key.reveal().decode(),
        session_token=session.session_token,
    )
    seen.note(function.arn, keys.secret_access_key.encode(), keys.session_token.encode())
    return keys


def _endpoint(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    # Whoever listens on every address is reached on this machine by loopback.
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{name}:{port}"


def _announce(endpoint: str, data_dir: DataDir) -> None:
    _log.info("Keyturn is listening", version=__version__, endpoint=endpoint)
    _log.info(f'connect with: eval "$(keyturn env --data-dir {data_dir.path})"')
    if data_dir.has_virtual_clock:
        _log.warning(
            "THE CLOCK IS VIRTUAL: this server is for tests alone. keyturn clock advance moves "
            "the time of every secret on it, and never back",
            time=f"{VirtualClock(data_dir.clock, SystemClock()).now():%Y-%m-%dT%H:%M:%SZ}",
        )
    tell_starter(endpoint)
