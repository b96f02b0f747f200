"""Logging in: one Fabric connection to an endpoint, strict about host keys, its gateways shared."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import threading
import time
from collections import defaultdict
from typing import Any

import fabric
import paramiko
from paramiko.ssh_exception import BadHostKeyException, NoValidConnectionsError, PasswordRequiredException

from deliver.config.schema import Ssh
from deliver.errors import DeliverError, HostKeyError, UnreachableError
from deliver.remote.host_keys import KnownKeys, Refuse, changed, known_keys
from deliver.remote.resolve import Endpoint

#: sshd refuses some of many logins at once (MaxStartups); they come again, this often.
ATTEMPTS = 4
#: Signs of life in the time after which a silent machine counts as gone.
BEATS = 3
#: Logins under way at once to or through one machine; sshd's default drops some above 10.
AT_ONCE = 8

_gates: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(AT_ONCE))
_gateways: dict[tuple[str, int, str], fabric.Connection] = {}
_gateway_locks: dict[tuple[str, int, str], threading.Lock] = defaultdict(threading.Lock)
_gateway_failures: dict[tuple[str, int, str], tuple[float, DeliverError]] = {}
_guard = threading.Lock()
# Without a handler, Python shows the tracebacks that paramiko logs; what they say is in our errors.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Tunnel:
    """A channel of a gateway, as the socket of the connection that goes through it.

    When one thread sends on a paramiko channel while another closes it, data may follow the close message. sshd then
    drops the gateway, with every connection that goes through it. So the two take turns here.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._turn = threading.Lock()

    def send(self, data: bytes) -> int:
        """Send some of `data`; return how many bytes."""
        with self._turn:
            return self._channel.send(data)

    def close(self) -> None:
        """Close the channel."""
        with self._turn:
            self._channel.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


class StrictConnection(fabric.Connection):
    """A Fabric connection that refuses every host key which known_hosts does not hold."""

    def __init__(self, endpoint: Endpoint, known: KnownKeys, **options: Any) -> None:
        super().__init__(endpoint.address, user=endpoint.user, port=endpoint.port, **options)
        for kind, blob in known.one_of_a_kind():
            with contextlib.suppress(paramiko.SSHException):
                line = paramiko.hostkeys.HostKeyEntry.from_line(f"{endpoint.address} {kind} {blob}")
                self._trust(endpoint, line)
        self.client.set_missing_host_key_policy(Refuse(endpoint, known))

    def open_gateway(self) -> Any:
        """Return what carries this connection through its gateway."""
        if isinstance(self.gateway, str):
            return super().open_gateway()
        # Fabric's own call would wait for an hour.
        where, here = (self.host, int(self.port)), ("", 0)
        return Tunnel(self.gateway.transport.open_channel("direct-tcpip", where, here, timeout=self.connect_timeout))

    def _trust(self, endpoint: Endpoint, line: paramiko.hostkeys.HostKeyEntry | None) -> None:
        if line is not None and line.key is not None:
            name = (
                endpoint.address
                if endpoint.port == paramiko.config.SSH_PORT
                else f"[{endpoint.address}]:{endpoint.port}"
            )
            self.client.get_host_keys().add(name, line.key.get_name(), line.key)


def login(endpoint: Endpoint, ssh: Ssh) -> fabric.Connection:
    """Return an open connection to `endpoint`, through its gateways where it has any.

    Raises:
        UnreachableError: it does not answer, or does not let us in.
        HostKeyError: its key is unknown, changed or revoked.
    """
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(endpoint, ssh)
        except (EOFError, ConnectionResetError, paramiko.SSHException) as error:
            if attempt == ATTEMPTS - 1 or not _worth_another_try(error):
                raise _explained(endpoint, ssh, error) from error
            time.sleep(random.uniform(0.1, 0.5) * (attempt + 1))  # noqa: S311  # spreads retries, guards nothing
        except OSError as error:
            raise _explained(endpoint, ssh, error) from error
    raise AssertionError  # the last attempt returned or raised


def _attempt(endpoint: Endpoint, ssh: Ssh) -> fabric.Connection:
    known = known_keys(endpoint)
    gateway = _through(endpoint, endpoint.via, ssh) if endpoint.via else endpoint.proxy_command or None
    with _gate(endpoint.via or endpoint):
        ends = time.monotonic() + ssh.connect_timeout
        options = _login_options(endpoint, ssh)
        if gateway is None:
            options["sock"] = _socket(endpoint, ssh)
        connection = StrictConnection(
            endpoint,
            known,
            config=_plain_config(),
            gateway=gateway,
            connect_timeout=ssh.connect_timeout,
            connect_kwargs=options,
        )
        try:
            _open(connection, ends)
        except BadHostKeyException as error:
            raise changed(endpoint, error.key) from error
        except BaseException:
            connection.close()
            raise
    connection.transport.set_keepalive(max(1, round(ssh.silence / BEATS)))
    return connection


def _open(connection: fabric.Connection, ends: float) -> None:
    # Paramiko's timeouts are for single steps, and a host can be slow in each of them.
    watch = threading.Timer(max(0.0, ends - time.monotonic()), connection.client.close)
    watch.daemon = True
    watch.start()
    try:
        connection.open()
    except (EOFError, paramiko.SSHException) as error:
        if time.monotonic() >= ends and not isinstance(error, BadHostKeyException):
            raise TimeoutError from error
        raise
    finally:
        watch.cancel()


def _through(endpoint: Endpoint, via: Endpoint, ssh: Ssh) -> fabric.Connection:
    try:
        return _gateway(via, ssh)
    except (UnreachableError, HostKeyError) as error:
        raise type(error)(f"{endpoint.name}: through {error.message}", hint=error.hint) from error


def _gateway(endpoint: Endpoint, ssh: Ssh) -> fabric.Connection:
    """Return the one connection through which all hosts behind `endpoint` are reached."""
    key = (endpoint.address, endpoint.port, endpoint.user)
    asked = time.monotonic()
    with _guard:
        lock = _gateway_locks[key]
    with lock:
        if key not in _gateways or not _gateways[key].is_connected:
            failed, error = _gateway_failures.get(key, (0.0, None))
            if error is not None and failed > asked:  # it failed while we waited: our attempt would be the same
                raise error
            try:
                _gateways[key] = login(endpoint, ssh)
            except DeliverError as error:
                _gateway_failures[key] = (time.monotonic(), error)
                raise
        return _gateways[key]


def _gate(endpoint: Endpoint) -> threading.Semaphore:
    with _guard:
        return _gates[f"{endpoint.address}:{endpoint.port}"]


def _socket(endpoint: Endpoint, ssh: Ssh) -> socket.socket:
    # Paramiko leaves Nagle's algorithm on, and then every second small packet waits 40 ms for an acknowledgement.
    sock = socket.create_connection((endpoint.address, endpoint.port), ssh.connect_timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; else the kernel tries for a quarter of an hour
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(ssh.silence * 1000))
    return sock


def _login_options(endpoint: Endpoint, ssh: Ssh) -> dict[str, Any]:
    options: dict[str, Any] = {
        "key_filename": [str(path) for path in endpoint.identities if _is_private(path.name)],
        "look_for_keys": False,
        "allow_agent": not endpoint.identities_only,
        "banner_timeout": ssh.connect_timeout,
        "auth_timeout": ssh.connect_timeout,
    }
    if endpoint.identities_only and (key := _agent_key(endpoint)):
        options["pkey"] = key
    return options


def _is_private(name: str) -> bool:
    return not name.endswith(".pub")


def _agent_key(endpoint: Endpoint) -> paramiko.PKey | None:
    """Return the agent's key for one of the endpoint's identity files: `IdentitiesOnly` allows just those."""
    blobs = set()
    for path in endpoint.identities:
        public = path if path.name.endswith(".pub") else path.with_name(path.name + ".pub")
        with contextlib.suppress(OSError, IndexError):
            blobs.add(public.read_text().split()[1])
    keys = paramiko.Agent().get_keys() if blobs else ()
    return next((key for key in keys if key.get_base64() in blobs), None)


def _plain_config() -> fabric.Config:
    # Fabric writes into the configuration that it is given: a new one each time. ssh_config was read by OpenSSH.
    return fabric.Config(ssh_config=paramiko.SSHConfig())


def _worth_another_try(error: BaseException) -> bool:
    return not (isinstance(error, BadHostKeyException) or _is_refusal(error))


def _is_refusal(error: BaseException) -> bool:
    # Paramiko has no class of its own for having neither a key nor an agent.
    return isinstance(error, paramiko.AuthenticationException) or "No authentication methods" in str(error)


def _explained(endpoint: Endpoint, ssh: Ssh, error: BaseException) -> DeliverError:
    where = f"{endpoint.name} ({endpoint.user}@{endpoint.address}:{endpoint.port})"
    by_hand = endpoint.mend.replace(" -o StrictHostKeyChecking=ask", "")
    if isinstance(error, PasswordRequiredException):
        return UnreachableError(f"{where}: the private key is encrypted", hint="load it into your agent: ssh-add")
    if _is_refusal(error):
        tried = ", ".join(str(path) for path in endpoint.identities) or "no key file"
        return UnreachableError(
            f"{where} does not let us in; tried {tried} and the agent", hint=f"see what this says: {by_hand}"
        )
    if isinstance(error, TimeoutError):
        what = f"no answer within {ssh.connect_timeout:.0f} s"
    elif isinstance(error, NoValidConnectionsError | OSError):
        what = (error.strerror or str(error)).lower()
    else:
        what = str(error) or type(error).__name__
    return UnreachableError(f"{where} cannot be reached: {what}", hint=f"see what this says: {by_hand}")
