# shellcheck shell=sh
# Reads what a release tree holds. Stands after the prelude, or after build_env.sh. Says `release JSON`.
: "${beams:=}" "${root:=}" "${version:=}"

# erlang ARGUMENT...: the release's own runtime system, for a host needs no other; else the one on the PATH.
erlang() {
  clean=$root/releases/$version/start_clean
  for executable in "$root"/erts-*/bin/erlexec; do
    if [ -x "$executable" ] && [ -f "$clean.boot" ]; then
      ROOTDIR=$root BINDIR=${executable%/*} EMU=beam PROGNAME=erl
      export ROOTDIR BINDIR EMU PROGNAME
      exec "$executable" -boot "$clean" -boot_var RELEASE_LIB "$root/lib" "$@"
    fi
  done
  exec erl -boot no_dot_erlang "$@"
}

facts=$(
  ROOT=$root VERSION=$version
  export ROOT VERSION
  erlang +S 2 +fnu -noinput -pa "$beams" \
    -eval 'deliver_read:main([os:getenv("ROOT"), os:getenv("VERSION")]), halt(0)' </dev/null
) || fail "the release $version cannot be read"
say release "$facts"
