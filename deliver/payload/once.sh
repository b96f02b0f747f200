# shellcheck shell=sh
# Runs a command of the configuration that a version needs once, or waits for it when it runs already. Stands after
# service.sh.
#
# The command has a session of its own (once_command.sh): a connection that is lost does not cut it in half. Beside
# `mark`, which is there once it has succeeded, lie `.running` (whose process has it, and since when), `.failed` (the
# status it ended with) and `.log` (what it said).
#
# Says `outcome` with one of: done | ran | failed STATUS | unbegun | broken SINCE MARK | declined REASON HINT, and `log`
# lines.
: "${root:=}" "${app:=}" "${version:=}" "${content:=}" "${place:=}" "${name:=}" "${again:=no}" "${environment:=}"
: "${host_name:=}" "${runner:=}" "${holder:=}" "${wait:=5}"

check_installed() {
  [ -d "$root/releases/$version" ] || decline "version $version is not installed in $root" \
    "bring it there first: deploy-release --version $version"
  kept=$(sha256sum <"$root/.deliver/versions/$version/manifest" 2>/dev/null | cut -d ' ' -f 1)
  # shellcheck disable=SC2016  # commands of ours
  [ "$kept" = "$content" ] || decline "version $version in $root is not what was to be rolled out" \
    '`version` and `releases` tell which is which'
}

# place_script: relx's start script speaks for one version only. That of ours gets its place under its full name, as it
# does again when the version is made the one to start; the one without a version stays that of the other version.
place_script() {
  script=bin/$app-$version
  source=$root/.deliver/versions/$version/unversioned/$script
  if ! is_mix "$version" && [ -f "$source" ] && [ ! -e "$root/$script" ]; then
    attempt "putting $script in place" put_file "$source" "$root/$script"
  fi
}

# read_runner: sets `owner`, `since` and `watcher`, the process that ends it at its deadline; whether a command was
# begun, of which nobody has said how it ended.
read_runner() {
  owner='' since='' watcher=''
  { read -r owner && read -r since && read -r watcher; } 2>/dev/null <"$mark.running"
}

# is_at_work: whether the command, or a child that outlived it, is still there.
is_at_work() {
  is_alive "${owner%%.*}" && lock_lives "$owner" && return
  lives_here "$owner" && has_children "${owner%%.*}"
}

# lives_here IDENTITY: whether it is one of this machine since it was started.
lives_here() {
  birth=${1#*.}
  [ "${birth#*.}" = "$(lock_boot).$(uname -n | tr '/' '-')" ]
}

# has_children SESSION: whether any process belongs to it, but for the watcher and its own child.
has_children() {
  for entry in /proc/[0-9]*; do
    read -r stat 2>/dev/null <"$entry/stat" || continue
    # shellcheck disable=SC2086 # fields: state, parent, group, session
    set -- "$1" ${stat##*) }
    case $5.$2 in
      "$1".[!ZX]*) [ "$3" = "$watcher" ] || [ "${entry##*/}" = "$watcher" ] || return 0 ;;
    esac
  done
  return 1
}

# begin: starts the command, and returns when it has said so, or never will.
begin() {
  attempt "making ${mark%/*}" mkdir -p "${mark%/*}"
  rm -f "$mark.running" "$mark.failed"
  attempt "writing $mark.log" make_log
  launch >"$mark.log" 2>&1 &
  child=$!
  until read_runner || is_over || ! is_alive "$child"; do
    nap
  done
}

make_log() {
  (umask 077 && : >"$mark.log")
}

# launch: what is given to the command goes through its environment and its stdin, so `ps` never shows it.
launch() {
  set -- "$root" "$version" "$runner"
  cd "$1" || exit
  put_locale
  put_environment "$2"
  export RELEASE_ROOT="$1" RELEASE_VSN="$2" DELIVER_ROOT="$1" DELIVER_VERSION="$2"
  export DELIVER_APP="$app" DELIVER_ENVIRONMENT="$environment" DELIVER_HOST="$host_name"
  # shellcheck disable=SC2016  # the other shell expands it
  printf '%s\n' "$3" | detached sh -c 'eval "$(cat)"'
}

is_over() {
  [ -f "$mark" ] || [ -f "$mark.failed" ]
}

# follow: shows what the command says until it has ended; one that never began has said what there is to say.
follow() {
  [ -n "$owner" ] && [ -f "$mark.log" ] || return 0
  exec 4<"$mark.log"
  until is_over || ! { is_alive "${owner%%.*}" || is_at_work; }; do
    show
    nap
  done
  show
}

show() {
  while IFS= read -r shown <&4; do
    printf '%s\n' "$shown" >&2
  done
  printf '%s' "$shown" >&2
}

tell() {
  if [ -f "$mark" ]; then
    say outcome ran
  elif read -r ended 2>/dev/null <"$mark.failed"; then
    say outcome failed "$ended"
  elif [ -n "$owner" ]; then
    say outcome broken "$since" "$mark"
  else
    say outcome unbegun
  fi
  tail -n 20 "$mark.log" 2>/dev/null | say_lines
}

find_root
check_installed
find_name_slot "$version"
mark=$root/.deliver/once/$place/$name
take_lock "$root/.deliver/lock" "$holder" "$wait"
check_format
if [ -f "$mark" ]; then
  say outcome 'done'
  exit 0
fi
if ! read_runner || [ -f "$mark.failed" ]; then
  again=yes
elif is_at_work; then
  printf 'process %s runs since %s\n' "${owner%%.*}" "$since" >&2
  again=no
fi
if [ "$again" = yes ]; then
  place_script
  begin
fi
follow
tell
