"""TCP ports of this machine, on which several tests run at once."""

from __future__ import annotations

import socket

from deliver.config.schema import Value


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def own_ports() -> dict[str, Value]:
    """Return variables for rehearsals: a port for the application, and one for the epmd."""
    return {"PORT": str(free_port()), "ERL_EPMD_PORT": str(free_port())}


def bell_config() -> dict[str, str]:
    """Return the bell's sys.config with such a port, by its name."""
    return {"config/sys.config": f"[{{bell, [{{port, {free_port()}}}]}}, {{sasl, [{{sasl_error_logger, false}}]}}].\n"}
