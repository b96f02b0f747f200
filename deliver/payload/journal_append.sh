# shellcheck shell=sh
# Adds lines to the journal of a host where deliver has been before. Stands after layout.sh and node.sh.
: "${lines:=}" "${root:=}"

find_root
[ ! -d "$root/.deliver" ] || attempt 'writing the journal' journal_lines "$lines"
