# shellcheck shell=sh
# Runs Ecto's migrations of an installed version, or tells what they are, in a virtual machine of that version which has
# no name and runs no application but what a repository needs. Stands after service.sh.
#
# Says `version`, what migrate.exs says, and `outcome` with one of: ended STATUS | declined REASON HINT.
: "${root:=}" "${app:=}" "${version:=}" "${what:=}" "${repos:=}" "${to:=}" "${down:=no}" "${code:=}" "${private:=}"
: "${holder:=}" "${wait:=5}"

check_installed() {
  [ -n "$version" ] || version=$(permanent_version)
  [ -n "$version" ] || decline "no version is set to start at $root" 'name one with --version, or deploy one'
  [ -d "$root/releases/$version" ] || decline "version $version is not installed in $root" \
    "bring it there first: deploy-release --version $version"
  is_mix "$version" || decline "version $version has no Ecto: it was not made by mix release" \
    'run its own migrations as a one-time command of the environment'
}

# evaluate: through the release's own script, as the version's `eval`. In RELEASE_TMP is all that it writes, such as the
# configuration that it computed, and goes with it.
evaluate() (
  set -- "$root" "$app" "$version" "$private"
  cd "$1" || exit
  put_locale
  export DELIVER_WHAT="$what" DELIVER_REPOS="$repos" DELIVER_TO="$to" DELIVER_DOWN="$down"
  put_environment "$3"
  export RELEASE_VSN="$3" RELEASE_TMP="$4" RELEASE_VM_ARGS="$4/vm.args" ERL_CRASH_DUMP_SECONDS=0
  exec "$1/bin/$2" eval 'Code.eval_file(Path.join(System.fetch_env!("RELEASE_TMP"), "migrate.exs"))'
)

end_migration() {
  journal "$what" "$version" "$result"
}

find_root
check_installed
find_name_slot "$version"
make_private
if [ "$what" = migrate ]; then
  take_lock "$root/.deliver/lock" "$holder" "$wait"
  result=unknown
  at_exit end_migration
fi
printf '%s\n' "$code" >"$private/migrate.exs"
options_apart "$version" >"$private/vm.args"
: >"$private/told"
say version "$version"
evaluate </dev/null 1>&2
ended=$?
cat "$private/told"
result=failed
! grep -qx all-well "$private/told" || result=ok
say outcome ended "$ended"
