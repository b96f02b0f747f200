# shellcheck shell=sh
# Runs the user's probe beside a rehearsed node. Says `probe STATUS TEXT`.
: "${place:=}" "${command:=}"

cd "$place" || fail "$place is gone"
probe_environment
said=$(sh -c "$command" 2>&1 </dev/null)
say probe "$?" "$(printf '%s' "$said" | tail -n 5 | tr '\n\t' '  ')"
