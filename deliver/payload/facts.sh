# shellcheck shell=sh
# Everything that is true of this host now, in one go. Stands after node.sh.
: "${path:=}" "${app:=}" "${exprs:=}" "${root:=}" "${base:=}" "${pid:=}" "${node:=}" "${name_type:=}" "${booted:=}"

machine_facts() {
  say os "$(uname -s | tr '[:upper:]' '[:lower:]')"
  say arch "$(uname -m)"
  say libc "$(libc)"
  say user "$(id -un)"
  say home "$HOME"
  say free "$(available -Pk "$base")"
  say inodes "$(available -Pi "$base")"
  for tool in tar gzip zstd sha256sum awk cmp find xargs timeout head stat setsid mktemp systemctl journalctl sudo; do
    command -v "$tool" >/dev/null && say tool "$tool"
  done
  zstd -H 2>/dev/null | grep -q -e --patch-from && say tool zstd_patch
}

# libc: prints its kind and, after a space, its version.
libc() {
  getconf GNU_LIBC_VERSION 2>/dev/null && return
  for loader in /lib/ld-musl-*; do
    [ -x "$loader" ] && printf 'musl %s\n' "$("$loader" 2>&1 | sed -n 's/^Version //p')" && return
  done
  printf 'unknown\n'
}

# available DF_OPTION DIRECTORY: prints what this user can still have there, in df's units; nothing when unknown.
available() {
  df "$@" 2>/dev/null | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9]*%.*/\1/p'
}

release_facts() {
  for directory in "$root"/releases/*/; do
    for boot in "$directory"*.boot; do
      [ -f "$boot" ] || continue
      directory=${directory%/}
      say installed "${directory##*/}"
      break
    done
  done
  for record in "$root"/.deliver/versions/*/release.json; do
    [ -f "$record" ] || continue
    version=${record%/release.json}
    say record "${version##*/}" "$(tr -d '\n\t' <"$record")"
    [ ! -s "$version/overlays" ] || say overlaid "${version##*/}"
  done
  permanent=$(permanent_version)
  if [ -n "$permanent" ]; then
    say permanent "$permanent"
    say style "$(style "$permanent")"
  fi
  [ ! -s "$root/releases/COOKIE" ] || say cookie yes
  [ ! -r "$root/.deliver/lock/holder" ] || say lock "$(tr -d '\n\t' <"$root/.deliver/lock/holder")"
}

# lock_facts: who has the lock of an environment. It is told without a process of our own: most hosts have none, and
# of a process that is gone it is enough to know that it is.
lock_facts() {
  for owner in "$root"/.deliver/locks/*/owner.*; do
    [ -d "$owner" ] || continue
    kept=${owner%/*}
    holds "${owner##*/owner.}" && say environment_lock "${kept##*/}" "$(tr -d '\n\t' <"$kept/holder")"
  done
}

# holds IDENTITY: whether that owner, see lock.sh, may still be there: a person, another machine, or one that runs here.
holds() {
  read -r here 2>/dev/null </proc/sys/kernel/hostname || return 0
  read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || return 0
  case $1 in
    [!0-9]*) return 0 ;;
    *."$boot.$here") [ -d "/proc/${1%%.*}" ] || is_hidden "${1%%.*}" ;;
    *."$here") return 1 ;;
  esac
}

# roll_facts: the last line of the journal that tells how a roll went here; those of its steps have a name for each.
roll_facts() {
  rolled=$(grep -F -e '"run":"' "$root/.deliver/journal" 2>/dev/null | grep -vF -e '"step":"' | tail -n 1)
  [ -z "$rolled" ] || say rolled "$rolled"
}

manifest_facts() {
  set -- "$root"/.deliver/versions/*/manifest
  [ -f "$1" ] || return 0
  sha256sum -- "$@" | while read -r digest file; do
    version=${file%/manifest}
    say manifest "${version##*/}" "${digest#\\}"
  done
}

# process_facts: the process's state and the second it began at, from the kernel.
process_facts() {
  read -r stat 2>/dev/null <"/proc/$pid/stat" || return 1
  # shellcheck disable=SC2086  # fields
  set -- ${stat##*) }
  state=$1
  began=$((${20} / $(getconf CLK_TCK 2>/dev/null || echo 100)))
  while read -r key value _; do
    [ "$key" = btime ] && began=$((began + value))
  done </proc/stat
  say process "$pid" "$(full_name)" "$name_type" "$booted" "$began" "$state"
}

node_facts() {
  find_process && process_facts || return 0
  say_answer answer 5 "$exprs"
}

find_root
say root "$root"
[ ! -d "$root" ] || say exists yes
machine_facts
release_facts
lock_facts
roll_facts
manifest_facts
node_facts
