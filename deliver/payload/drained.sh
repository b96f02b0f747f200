# shellcheck shell=sh
# Waits until no connection to a port of this host is left. Stands after node.sh. Says `left COUNT`.
: "${port:=}" "${seconds:=30}"

# open_connections: prints how many are established whose own end is the port, by the kernel's tables.
open_connections() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port=":$(printf '%04X' "$port")" '
    $4 == "01" && substr($2, length($2) - 4) == port { count++ }
    END { print count + 0 }
  '
}

ends=$(($(date +%s) + seconds))
until left=$(open_connections) && [ "$left" = 0 ] || [ "$(date +%s)" -ge "$ends" ]; do
  nap
done
say left "$left"
