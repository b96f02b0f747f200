# shellcheck shell=sh
# Runs the user's probe beside a rehearsed node, so that `bin/NAME rpc` finds it. Stands after node.sh. Says
# `probe STATUS TEXT`.
: "${place:=}" "${command:=}" "${root:=}" "${stage:=}" "${version:=}"

cd "$place" || fail "$place is gone"
find_root
if find_process && prepare_ask; then
  speak_for_node
fi
DELIVER_ROOT=$root DELIVER_STAGE=$stage DELIVER_VERSION=$version
export DELIVER_ROOT DELIVER_STAGE DELIVER_VERSION
probe_environment
said=$(sh -c "$command" 2>&1 </dev/null)
say probe "$?" "$(printf '%s' "$said" | tail -n 5 | tr '\n\t' '  ')"
