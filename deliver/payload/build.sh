# shellcheck shell=sh
# Builds one release, and leaves it in a directory of its own for us to fetch. Stands after build_env.sh, node.sh, lock.sh,
# build_git.sh, build_checkout.sh, build_cache.sh, collect.sh and one of build_{mix,rebar3,command}.sh.
#
# shellcheck disable=SC2034  # those read what this one sets
: "${path:=}" "${app:=}" "${holder:=}" "${lock_wait:=0}" "${token:=}" "${directory:=}" "${root:=}" "${steps_locale:=C}"
: "${release:=}" "${tag:=}" "${version:=}" "${commit:=}"
: "${before_deps:=}" "${after_deps:=}" "${before_compile:=}" "${after_compile:=}" "${before_release:=}" "${after_release:=}"

# step NAME COMMAND...: runs it in the project with its output on stderr; its failure is the build's.
step() {
  name=$1
  shift
  say step "$name" begin
  (
    exec >&2
    LC_ALL=$steps_locale
    "$@"
  )
  status=$?
  [ $status -eq 0 ] || {
    say failed "$name" "$status"
    exit 1
  }
  say step "$name" end
}

in_project() {
  cd "$work" && "$@"
}

# hook NAME LINE: a file of the project, or a command line.
hook() {
  [ -z "$2" ] || step "$1" in_project run_hook "$2"
}

run_hook() {
  if [ -f "$1" ] && [ -x "$1" ]; then
    "./$1"
  elif [ -f "$1" ]; then
    sh "./$1"
  else
    sh -c "$1"
  fi
}

# clean_up: runs on every way out. The checkout and the place of the unfinished release are ours only while we have the
# lock, which is as long as the result is not elsewhere.
clean_up() {
  rm -rf "$scratch"
  [ -z "$result" ] || remove_tree "$result"
  [ "$result" != "$built" ] || leave_checkout
  end_leftovers
}

# end_leftovers: what a step left running in the background would hold the connection open after us. The group's leader
# may be a shell that waits for us.
end_leftovers() {
  read_group $$ || return 0
  ours=$group
  for entry in /proc/[0-9]*; do
    case ${entry##*/} in
      "$$" | "$ours") continue ;;
    esac
    read_group "${entry##*/}" && [ "$group" = "$ours" ] && kill -TERM "${entry##*/}" 2>/dev/null
  done
  return 0
}

# read_group PID: sets `group`, without starting a process: a host may have thousands.
read_group() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  # shellcheck disable=SC2086 # words
  set -- ${stat##*) }
  group=$3
}

# leave_checkout: before the lock is given back; what was secret does not stay.
leave_checkout() {
  remove_secrets
  remove_tree "$built.rebar3"
}

# What builds that were killed left behind; nobody fetches for an hour.
sweep() {
  mkdir -p "$root/output"
  find "$root/output" -mindepth 1 -maxdepth 1 -mmin +60 | while IFS= read -r old; do
    remove_tree "$old"
  done
  remove_tree "$built" && remove_tree "$built.rebar3"
}

say_versions() {
  versions=$(cd "$work" && LC_ALL=$steps_locale toolchain_versions) || fail "the toolchain does not work: try it in $work"
  printf '%s\n' "$versions" | while read -r tool number; do
    say toolchain "$tool" "$number"
  done
}

# For hooks and for the `command` toolchain: what is built, and where the release goes.
export_ours() {
  DELIVER_OUTPUT=$built
  DELIVER_RELEASE=$release
  DELIVER_TAG=$tag
  DELIVER_VERSION=$version
  DELIVER_COMMIT=$commit
  export DELIVER_OUTPUT DELIVER_RELEASE DELIVER_TAG DELIVER_VERSION DELIVER_COMMIT
}

# What is built is then not quite what the commit says. rebar3 writes an empty lock where there is nothing to lock.
say_lock_changes() {
  changed=$(our_git -C "$checkout" status --porcelain -- ':(glob)**/mix.lock' ':(glob)**/rebar.lock' |
    while read -r _ lock; do
      [ "$(cat "$checkout/$lock" 2>/dev/null)" = '[].' ] || printf '%s ' "$lock"
    done)
  [ -z "$changed" ] || say warning "fetching dependencies changed a lock file, which does not name them all: $changed"
}

find_root
repository=$root/repository.git
checkout=$root/checkout
work=$checkout${directory:+/$directory}
built=$root/built
mkdir -p "$root" || fail "this user may not write to $root"
take_lock "$root/build.lock" "$holder" "$lock_wait"
scratch=$(mktemp -d) || fail "cannot make a temporary directory"
result=$built
at_exit clean_up
sweep

step checkout checkout_source
[ -d "$work" ] || fail "there is no directory $directory at this commit"
SOURCE_DATE_EPOCH=$(our_git -C "$checkout" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
export_ours
toolchain_enter
say_versions
cache_restore
hook before_deps "$before_deps"
step deps in_project toolchain_deps
cache_save
say_lock_changes
hook after_deps "$after_deps"
hook before_compile "$before_compile"
step compile in_project toolchain_compile
hook after_compile "$after_compile"
hook before_release "$before_release"
step release in_project toolchain_release
[ -d "$built" ] || fail "the build left no release"
hook after_release "$after_release"
mv "$built" "$root/output/$token" || fail "cannot move the release to $root/output/$token"
leave_checkout
result=$root/output/$token
free_lock
collect "$result"
say output "$result"
result=
