# shellcheck shell=sh
# Opens the release's own console on the running node, with the terminal that it was given. Stands after node.sh, and
# without the prelude: a console has no deadline, and its stdin is the terminal.
#
# What the console needs to know of the node's environment comes from the node's own process: this text is in an
# argument list for a moment, where no secret may be.
: "${root:=}" "${app:=}" "${env_names:=}" "${pid:=}" "${booted:=}" "${node:=}"
: "${cookie:=}" "${home:=}"

fail() {
  printf 'deliver: %s\n' "$1" >&2
  exit "${2:-1}"
}

find_root
find_process || fail "the node does not run at $root: nothing to connect to"
[ -n "$node" ] || fail 'the node has no name, so nobody can connect to it'
# shellcheck disable=SC2086  # words
borrow $env_names
if [ -z "$cookie" ]; then
  cookie=$(cat "${home:-$HOME}/.erlang.cookie" 2>/dev/null)
fi
speak_for_node
cd "$root" || fail "this user may not enter $root"
if is_mix "$booted"; then
  exec "$root/bin/$app" remote
fi
exec "$root/bin/$app" remote_console
