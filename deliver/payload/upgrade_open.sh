# shellcheck shell=sh
# Keeps the lock of a host until it is told to end, by a line on stdin, or our side is gone. Stands after all that makes a
# node ready for its upgrade. Says `open IDENTITY`, the lock's `lock_as` for other scripts of the same command.
: "${lock_owner:=}" "${told_to_end:=no}"

# shellcheck disable=SC2034 # for the end, in upgrade_keep.sh
opened=yes
say open "$lock_owner"
if read -r _; then
  told_to_end=yes
fi
