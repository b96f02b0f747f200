# shellcheck shell=sh
# Opens the release's own console on the running node, with the terminal that it was given. Stands after node.sh, and
# without the prelude: a console has no deadline, and its stdin is the terminal.
#
# What the console needs to know of the node's environment comes from the node's own process: this text is in an
# argument list for a moment, where no secret may be.
: "${root:=}" "${app:=}" "${env_names:=}" "${pid:=}" "${booted:=}" "${node:=}" "${name_type:=}" "${silence:=}"
: "${cookie:=}" "${home:=}"

fail() {
  printf 'deliver: %s\n' "$1" >&2
  exit "${2:-1}"
}

find_root
find_process || fail "the node does not run at $root: nothing to connect to"
[ -n "$node" ] || fail 'the node has no name, so nobody can connect to it'
# shellcheck disable=SC2046,SC2086  # words
borrow $env_names $(template_names)
if [ -z "$cookie" ]; then
  cookie=$(cat "${home:-$HOME}/.erlang.cookie" 2>/dev/null)
fi
RELEASE_NODE=$node RELEASE_DISTRIBUTION=$name_type
export RELEASE_NODE RELEASE_DISTRIBUTION
if [ -n "$cookie" ]; then
  RELEASE_COOKIE=$cookie RELX_COOKIE=$cookie
  export RELEASE_COOKIE RELX_COOKIE
fi
cd "$root" || fail "this user may not enter $root"
if is_mix "$booted"; then
  exec "$root/bin/$app" remote
fi
exec "$root/bin/$app" remote_console
