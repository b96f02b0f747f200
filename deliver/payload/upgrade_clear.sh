# shellcheck shell=sh
# Removes what an upgrade needed for its own time: computed configurations hold secrets. Stands after the prelude.
: "${root:=}"

rm -rf "$root/.deliver/upgrades/resolved" || fail "$root/.deliver/upgrades/resolved could not be removed"
