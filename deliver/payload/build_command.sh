# shellcheck shell=sh
# Any command line that leaves an OTP release in a directory: `output` in the checkout, or what DELIVER_OUTPUT names.
: "${checkout:=}" "${release:=}" "${built:=}" "${scratch:=}" "${command:=}" "${output:=}" "${versions_escript:=}"

toolchain_enter() {
  :
}

# toolchain_versions: prints lines of TOOL VERSION.
toolchain_versions() {
  printf '%s' "$versions_escript" >"$scratch/versions.escript"
  escript "$scratch/versions.escript" </dev/null
}

toolchain_may_cache() {
  return 1
}

toolchain_deps() {
  :
}

toolchain_keeps() {
  :
}

toolchain_compile() {
  :
}

# The output may be a link to a read-only store, as Bazel and Nix leave it.
toolchain_release() {
  sh -c "$command" || return
  [ -n "$output" ] || return 0
  [ -d "$checkout/$output" ] || {
    echo "deliver: the build command left no directory $output in the checkout" >&2
    return 1
  }
  mkdir "$built" && cp -RP "$checkout/$output/." "$built" && chmod -R u+w "$built"
}
