# shellcheck shell=sh
# Takes the lock of an environment away from the owner that was seen, and from no other. Stands after
# lock_environment.sh. Says `freed`, or nothing when that one does not have it any more.
: "${root:=}" "${environment_lock:=}" "${owner:=}" "${line:=}"

find_environment_lock
lock_dir=$environment_lock
lock_owner=$(lock_identity $$)
if [ -d "$lock_dir/owner.$owner" ]; then
  # Before, so that the one who loses it can read why.
  journal_lines "$line" 2>/dev/null
  if mv "$lock_dir/owner.$owner" "$lock_dir/owner.$lock_owner" 2>/dev/null; then
    free_lock
    say freed
  fi
fi
