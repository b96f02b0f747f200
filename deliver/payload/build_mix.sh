# shellcheck shell=sh
# Elixir: `mix release`. Steps run in the project's directory, with MIX_ENV set.
: "${work:=}" "${release:=}" "${built:=}" "${scratch:=}" "${mix_env:=}" "${versions_exs:=}" "${project_exs:=}"
: "${tab:=}"

toolchain_enter() {
  MIX_ENV=$mix_env
  export MIX_ENV
}

# toolchain_versions: prints lines of TOOL VERSION.
toolchain_versions() {
  printf '%s' "$versions_exs" >"$scratch/versions.exs"
  elixir "$scratch/versions.exs" </dev/null
}

# Nothing pins what has no lock file; and dependencies that are in the repository are its own code.
toolchain_may_cache() {
  [ -f "$work/mix.lock" ] && [ ! -d "$work/deps" ]
}

toolchain_deps() {
  mix_installers && mix "do" deps.get --only "$mix_env", deps.compile
}

# Without these, and without a terminal to ask at, mix would only say that it wants them.
mix_installers() {
  if grep -qs '{:hex,' mix.lock; then
    mix help hex >/dev/null 2>&1 || mix local.hex --force || return 1
  fi
}

toolchain_keeps() {
  echo deps
  for dependency in "$work"/deps/*/; do
    name=${dependency%/}
    printf '%s\n' "_build/$mix_env/lib/${name##*/}"
  done
}

toolchain_compile() {
  mix compile
}

toolchain_release() {
  printf '%s' "$project_exs" >"$scratch/project.exs"
  # mix itself says which releases the project has.
  said=$(elixir "$scratch/project.exs" </dev/null) || return
  if printf '%s\n' "$said" | grep -qxF -- "deliver-release$tab$release"; then
    mix release "$release" --path "$built" --overwrite
  elif printf '%s\n' "$said" | grep -qxF -- "deliver-only$tab$release"; then
    mix release --path "$built" --overwrite
  else
    names=$(printf '%s\n' "$said" | sed -n "s/^deliver-[a-z]*$tab//p" | tr '\n' ' ')
    echo "deliver: mix.exs has no release called $release; it has: ${names:-none}" >&2
    echo "deliver: app, or build.release, in deliver.toml says which one is meant" >&2
    return 1
  fi
}
