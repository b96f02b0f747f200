# shellcheck shell=sh
# A lock that a dead holder cannot keep. Stands after the prelude.
#
# The lock is a directory that holds `owner.PID.BIRTH.BOOT.NODE`, whose name says who has it; `holder` (JSON), `pid` and
# `boot` beside it are for those who ask. Each change of owner is one rename that only one process can win: the
# whole directory when the lock is free, and the exact name of the dead owner when it is taken over.

# take_lock DIR HOLDER_JSON WAIT_SECONDS: returns with the lock, which is freed at exit. When somebody else keeps it
# for so long: `say locked HOLDER`, and exit 75. A script that stays and keeps the lock for others of the same command
# gives them its identity as `lock_as`: they neither take nor free it.
take_lock() {
  lock_dir=$1
  if [ -n "${lock_as:-}" ] && [ -d "$lock_dir/owner.$lock_as" ]; then
    return
  fi
  lock_holder=$2
  lock_until=$(($(date +%s) + $3))
  lock_owner=$(lock_identity $$)
  mkdir -p "${lock_dir%/*}" || fail "cannot make the directory ${lock_dir%/*}"
  lock_told=no
  until lock_try; do
    if [ "$(date +%s)" -ge "$lock_until" ]; then
      say locked "$(lock_holder_now)"
      exit 75
    fi
    [ "$lock_told" = yes ] || say waiting "$(lock_holder_now)"
    lock_told=yes
    sleep 1
  done
  at_exit free_lock
  lock_sweep
}

# free_lock: gives the lock back; does nothing when it is not ours.
free_lock() {
  if [ -d "$lock_dir/owner.$lock_owner" ]; then
    mv -f "$lock_dir" "$lock_dir.$lock_owner" && rm -rf "$lock_dir.$lock_owner"
  fi
}

# lock_holder_now: prints what the holder said of itself.
lock_holder_now() {
  cat "$lock_dir/holder" 2>/dev/null || printf '{}\n'
}

# lock_identity PID: prints PID.BIRTH.BOOT.NODE; a process id alone may be used again.
lock_identity() {
  printf '%s.%s.%s.%s\n' "$1" "$(lock_birth "$1")" "$(lock_boot)" "$(uname -n | tr '/' '-')"
}

# lock_birth PID: prints when the process began, in the kernel's own words; nothing when there is no such process.
lock_birth() {
  if [ -r /proc/self/stat ]; then
    # A zombie has ended; whoever should take note of that is late.
    sed -n 's/^.*) \([^ZX]\)/\1/p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
  else
    ps -o lstart= -p "$1" 2>/dev/null | tr -c 'A-Za-z0-9\n' '-'
  fi
}

lock_boot() {
  cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.boottime 2>/dev/null | tr -c 'A-Za-z0-9\n' '-'
}

# lock_lives IDENTITY: whether that owner may still be at work. Another machine's processes cannot be seen from here.
lock_lives() {
  lock_pid=${1%%.*}
  case $lock_pid in
    '' | *[!0-9]*) return 0 ;;
  esac
  lock_node=${1#*.*.*.}
  [ "$lock_node" = "$(uname -n | tr '/' '-')" ] || return 0
  [ "$(lock_identity "$lock_pid")" = "$1" ] || lock_hides "$1"
}

# lock_hides IDENTITY: whether that may be a process of this boot which /proc hides from us: it counts as the owner.
lock_hides() {
  case $1 in
    *".$(lock_boot).$lock_node") is_hidden "$lock_pid" ;;
    *) return 1 ;;
  esac
}

# lock_try: one attempt; whether it is ours now.
lock_try() {
  rmdir "$lock_dir" 2>/dev/null
  [ -d "$lock_dir" ] || lock_make
  [ -d "$lock_dir/owner.$lock_owner" ] || lock_take_over
}

# Into a lock that somebody made in between, `mv` puts ours as a child, or fails: neither makes us the owner.
lock_make() {
  lock_new="$lock_dir.$lock_owner"
  mkdir -p "$lock_new/owner.$lock_owner" || fail "cannot make the lock $lock_dir"
  lock_describe "$lock_new"
  mv -f "$lock_new" "$lock_dir" 2>/dev/null
  rm -rf "$lock_new" "${lock_dir:?}/${lock_new##*/}"
}

lock_take_over() {
  for lock_found in "$lock_dir"/owner.*; do
    [ -d "$lock_found" ] || continue
    lock_lives "${lock_found##*/owner.}" && return 1
    lock_was=$(lock_holder_now)
    mv "$lock_found" "$lock_dir/owner.$lock_owner" 2>/dev/null || return 1
    lock_describe "$lock_dir"
    printf 'deliver: took over the lock of a process that is gone: %s\n' "$lock_was" >&2
    return 0
  done
  return 1
}

# lock_describe DIR: writes who we are, each file whole or not at all.
lock_describe() {
  lock_write "$1/pid" "$$"
  lock_write "$1/boot" "$(lock_boot)"
  lock_write "$1/holder" "$lock_holder"
}

lock_write() {
  if ! { printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"; }; then
    rm -rf "$lock_dir.$lock_owner"
    fail "cannot write $1"
  fi
}

# lock_sweep: removes what attempts that were killed left beside the lock.
lock_sweep() {
  for lock_found in "$lock_dir".[0-9]*; do
    [ -d "$lock_found" ] || continue
    lock_lives "${lock_found#"$lock_dir".}" || rm -rf "$lock_found"
  done
}
