# shellcheck shell=sh
# Prints the last lines of the journal of a host. Stands after node.sh.
: "${root:=}" "${last:=100}"

find_root
[ ! -f "$root/.deliver/journal" ] || tail -n "$last" "$root/.deliver/journal" || fail 'the journal cannot be read'
