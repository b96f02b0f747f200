# shellcheck shell=sh
# Computes the configuration of a version as its own start would, with the environment of the node that runs, and keeps
# it for the upgrade in a file that only this user reads. Stands after layout.sh and node.sh. Says `resolved VERSION`,
# or `static VERSION` when release_handler reads all that there is from sys.config.
: "${root:=}" "${version:=}" "${inline:=}" "${resolver:=}" "${pid:=}" "${private:=}"

has_providers() {
  grep -q config_provider_init "$root/releases/$version/sys.config" 2>/dev/null
}

# as_node COMMAND...: calls it in a subshell with the environment that the node was started with. Nothing of it gets
# into an argument list: this shell takes it over itself, so a command may use no variables of ours but `deliver_` ones.
as_node() {
  deliver_root=$root deliver_version=$version deliver_private=$private
  tr '\000\n' '\n\001' <"/proc/$pid/environ" >"$private/environ" || return
  (
    forget_environment
    take_environment
    "$@"
  )
}

# take_environment: a new line within a value is \001 here.
take_environment() {
  while IFS= read -r deliver_line; do
    case ${deliver_line%%=*} in
      '' | *[!A-Za-z0-9_]* | [0-9]* | deliver_* | IFS | OPTIND | PWD | OLDPWD | PPID) ;;
      *) take_variable "${deliver_line%%=*}" "${deliver_line#*=}" ;;
    esac
  done <"$deliver_private/environ"
}

forget_environment() {
  for deliver_name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    [ "$deliver_name" = PATH ] || unset "$deliver_name" 2>/dev/null
  done
}

take_variable() {
  deliver_value=$2
  case $2 in
    *"$(printf '\001')"*)
      deliver_value=$(printf '%s.' "$2" | tr '\001' '\n')
      deliver_value=${deliver_value%.}
      ;;
  esac
  export "$1=$deliver_value"
}

# boot_apart: runs $deliver_code in a virtual machine of that version, which has no name and starts no application.
# This is what the start script's `eval` does; but env.sh must bring neither heart nor the node's own options, and
# config providers are to see the command that the node was started with.
boot_apart() {
  RELEASE_ROOT=$deliver_root RELEASE_VSN=$deliver_version RELEASE_TMP=$deliver_private
  export RELEASE_ROOT RELEASE_VSN RELEASE_TMP
  unset RELEASE_REMOTE_VM_ARGS
  set +u
  # shellcheck source=/dev/null
  . "$deliver_root/releases/$deliver_version/env.sh" || exit
  unset ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS ERL_CRASH_DUMP ELIXIR_ERL_OPTIONS HEART_COMMAND
  unset RUN_ERL_PIPE RUN_ERL_LOG ROOTDIR BINDIR EMU PROGNAME
  # Providers that need two boots write to RELEASE_SYS_CONFIG; a crash dump would hold what was computed.
  RELEASE_SYS_CONFIG=$deliver_private/sys RELEASE_VM_ARGS=$deliver_private/vm.args RELEASE_TMP=$deliver_private
  ERL_CRASH_DUMP_SECONDS=0
  export RELEASE_SYS_CONFIG RELEASE_VM_ARGS RELEASE_TMP ERL_CRASH_DUMP_SECONDS
  exec "$deliver_root/releases/$deliver_version/elixir" --erl '+S 2:2' \
    --erl-config "$RELEASE_SYS_CONFIG" --vm-args "$RELEASE_VM_ARGS" \
    --boot "$deliver_root/releases/$deliver_version/${RELEASE_BOOT_SCRIPT_CLEAN:-start_clean}" \
    --boot-var RELEASE_LIB "$deliver_root/lib" --eval "$deliver_code"
}

# render: relx makes sys.config of its template whenever its script starts the node; for this version nobody has yet.
render() {
  awk '{
    out = ""
    while (match($0, /[$][{][A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?[}]/)) {
      name = substr($0, RSTART + 2, RLENGTH - 3)
      other = ""
      if ((at = index(name, ":-")) > 0) { other = substr(name, at + 2); name = substr(name, 1, at - 1) }
      out = out substr($0, 1, RSTART - 1) (ENVIRON[name] != "" ? ENVIRON[name] : other)
      $0 = substr($0, RSTART + RLENGTH)
    }
    print out $0
  }' "$deliver_root/releases/$deliver_version/sys.config.src"
}

# compute: leaves the result in "$private/resolved".
compute() {
  umask 077
  cp "$root/releases/$version/sys.config" "$private/sys.config" || return
  options_apart "$version" >"$private/vm.args"
  printf '%s\n' "$resolver" >"$private/resolve.exprs"
  deliver_code="directory = :os.getenv(~c\"RELEASE_TMP\")
{:ok, _} = :file.script(:filename.join(directory, ~c\"resolve.exprs\"),
  Root: :os.getenv(~c\"RELEASE_ROOT\"), Version: :os.getenv(~c\"RELEASE_VSN\"), Inline: [$inline],
  File: :filename.join(directory, ~c\"resolved\"))"
  as_node boot_apart
}

# without_secrets: masks, in what it reads, the values of the node's environment, but for the usual ones.
without_secrets() {
  awk -v environ="$private/environ" '
    BEGIN {
      while ((getline line < environ) > 0) {
        at = index(line, "=")
        name = substr(line, 1, at - 1)
        count_parts = split(substr(line, at + 1), parts, "\001")
        if (name ~ /^(RELEASE_.*|LC_.*|HOME|PATH|PWD|OLDPWD|LANG|USER|LOGNAME|SHELL|TERM|BINDIR|ROOTDIR|EMU|PROGNAME)$/)
          continue
        for (one = 1; one <= count_parts; one++) if (length(parts[one]) > 3) hidden[++count] = parts[one]
      }
    }
    {
      for (one = 1; one <= count; one++) {
        for (done = ""; (at = index($0, hidden[one])) > 0; $0 = substr($0, at + length(hidden[one])))
          done = done substr($0, 1, at - 1) "***"
        $0 = done $0
      }
      print
    }'
}

# tell TEXT: prints its last words in one line: from the exception on, which Elixir tells before the virtual machine ends
# with words of its own, or with half of them, in the middle of which the exception may stand.
tell() {
  words=$(printf '%s\n' "$1" | sed -n '/^\*\* (/,$p' | head -n 5)
  [ -n "$words" ] || words=$(printf '%s\n' "$1" | sed -n '/\*\* (/,$p' | head -n 5)
  [ -n "$words" ] || words=$(printf '%s\n' "$1" | tail -n 5)
  printf '%s\n' "$words" | without_secrets | tr '\n\t' '  '
}

find_root
find_process || fail 'the node does not run'
[ -d "$root/releases/$version" ] || fail "version $version is not installed in $root"
[ -r "/proc/$pid/environ" ] || fail "this user cannot read the environment of process $pid"
make_private
directory=$root/.deliver/upgrades/resolved
rm -f "$directory/$version.etf"
if [ -f "$root/releases/$version/sys.config.src" ]; then
  (umask 077 && as_node render >"$private/sys.config") || fail "cannot render sys.config of $version"
  attempt "writing sys.config of $version" put_file "$private/sys.config" "$root/releases/$version/sys.config"
  say static "$version"
elif ! is_mix "$version" || { [ -z "$inline" ] && ! has_providers; }; then
  say static "$version"
else
  said=$( (compute) </dev/null 2>&1)
  [ -s "$private/resolved" ] ||
    fail "the configuration of $version cannot be computed: $(tell "$said")"
  (umask 077 && mkdir -p "$directory") || fail "cannot make $directory"
  attempt "keeping the configuration of $version" put_file "$private/resolved" "$directory/$version.etf"
  say resolved "$version"
fi
