# shellcheck shell=sh
# Erlang: `rebar3 release`, with the profile in every step. Steps run in the project's directory.
: "${work:=}" "${release:=}" "${built:=}" "${scratch:=}" "${profile:=}" "${versions_escript:=}"

toolchain_enter() {
  unset REBAR_PROFILE
}

rebar3_as() {
  if [ "$profile" = default ]; then
    rebar3 "$@"
  else
    rebar3 as "$profile" "$@"
  fi
}

# toolchain_versions: prints lines of TOOL VERSION.
toolchain_versions() {
  printf '%s' "$versions_escript" >"$scratch/versions.escript"
  escript "$scratch/versions.escript" </dev/null &&
    rebar3 --version </dev/null | sed -n 's/^rebar \([^ ]*\) .*/rebar3 \1/p'
}

# Nothing pins what has no lock file.
toolchain_may_cache() {
  grep -qs '<<"' "$work/rebar.lock"
}

toolchain_deps() {
  rebar3_as get-deps || return
  if rebar3 help compile 2>&1 | grep -q deps_only; then
    rebar3_as compile --deps_only
  fi
}

# Dependencies of the default profile are shared by all profiles.
toolchain_keeps() {
  sed -n 's/.*{<<"\([A-Za-z0-9_]*\)">>.*/\1/p' "$work/rebar.lock" | sort -u | while read -r name; do
    printf '%s\n' "_build/default/lib/$name"
    [ "$profile" = default ] || printf '%s\n' "_build/$profile/lib/$name"
  done
  printf '%s\n' _build/default/plugins
}

toolchain_compile() {
  rebar3_as compile
}

toolchain_release() {
  rebar3_as release -n "$release" -o "$built.rebar3" && mv "$built.rebar3/$release" "$built"
}
