# shellcheck shell=sh
# A runtime system that reads a release. Stands after the prelude, or after build_env.sh.
: "${root:=}" "${version:=}"

# erlang ARGUMENT...: the release's own runtime system, for a host needs no other; else the one on the PATH. Without
# sasl it has no systools.
erlang() {
  clean=$root/releases/$version/start_clean
  for executable in "$root"/erts-*/bin/erlexec; do
    if [ -x "$executable" ] && [ -f "$clean.boot" ] && ls -d "$root"/lib/sasl-* >/dev/null 2>&1; then
      ROOTDIR=$root BINDIR=${executable%/*} EMU=beam PROGNAME=erl
      export ROOTDIR BINDIR EMU PROGNAME
      exec "$executable" -boot "$clean" -boot_var RELEASE_LIB "$root/lib" "$@"
    fi
  done
  exec erl -boot no_dot_erlang "$@"
}

