# shellcheck shell=sh
# From here on, whatever ends the script: computed configurations, which hold secrets, go; then the lock, which stands
# below this on the list of what is done at exit. Stands after node.sh and what takes the lock.
: "${root:=}" "${pid:=}"

# When our side is gone in silence, the node may be in the middle of an upgrade that still reads them: release_handler
# answers again when it is through.
told_to_end=no
end_keep() {
  if [ "$told_to_end" = no ] && [ "${opened:-no}" = yes ] && [ -n "$pid" ] && is_alive "$pid"; then
    sleep 1
    (prepare_ask && ask 120 'release_handler:which_releases().') >/dev/null 2>&1
  fi
  rm -rf "$root/.deliver/upgrades/resolved"
}
make_private # its removal has to come after this
at_exit end_keep
rm -rf "$root/.deliver/upgrades/resolved"
