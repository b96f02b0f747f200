# shellcheck shell=sh
# Tells who has the lock of an environment. Stands after lock_environment.sh. Says `last TOKEN`, and `held OWNER HOLDER`
# when somebody has it who may still be at work.
: "${environment_lock:=}" "${lock_dir:=}"

find_environment_lock
say last "$(last_token)"
lock_dir=$environment_lock
for found in "$environment_lock"/owner.*; do
  [ -d "$found" ] || continue
  found=${found##*/owner.}
  if lock_lives "$found"; then
    say held "$found" "$(lock_holder_now)"
  fi
done
