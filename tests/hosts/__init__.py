"""Real hosts on this machine: network, mount, process and name namespaces, each with its own sshd.

Nothing of them is visible in, or changes, this machine's `/etc`, `/srv`, `/home`, `/root`, `/tmp` or `/run`.
They need root and Linux, and no container engine. Each host has:

- a name, an address in a subnet of its fleet, and an `/etc/hosts` that knows all hosts of the fleet;
- its own processes, under an init that reaps; what ends with the host ends with it;
- its own disk, which `Host.path` shows from outside and which outlives `Host.down`;
- an sshd on port 22 with its own host key, and the user `deploy`, who owns `/srv`.

For the operator a fleet writes an identity, an ssh_config and a known_hosts file into its directory.
"""

from tests.hosts.fleet import Fleet
from tests.hosts.host import Host
from tests.hosts.leftovers import obstacle, sweep

__all__ = ["Fleet", "Host", "obstacle", "sweep"]
