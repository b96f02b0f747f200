# shellcheck shell=sh
# Dependencies from build to build. Only what the lock file pins is kept, never the project's own code; the key
# holds everything that compiling a dependency can see. Runs under the build lock.
: "${root:=}" "${work:=}" "${recipe:=}" "${use_cache:=yes}" "${versions:=}" "${checkout:=}"
: "${cache:=}"

# cache_key: prints the digest of the recipe, the tool versions, the place, and all files that say what dependencies are.
cache_key() {
  {
    printf '%s\n' "$recipe" "$versions" "$work"
    cd "$checkout" &&
      find . -name .git -prune -o -type f \( -name mix.exs -o -name mix.lock -o -name 'rebar.*' \
        -o -path '*/config/*' -o -name .tool-versions \) -print | LC_ALL=C sort | while IFS= read -r file; do
      printf '%s\n' "$file"
      cache_reads "$file"
    done
  } | sha256sum | cut -d ' ' -f 1
}

# cache_reads FILE: prints it without the project's own version, which each release changes and no dependency sees.
cache_reads() {
  case $1 in
    */mix.exs) sed 's/\(version:* *"\)[^"]*"/\1"/' "$1" ;;
    */rebar.config) sed 's/\({ *release *, *{[^,{}]*, *"\)[^"]*"/\1"/' "$1" ;;
    *) cat "$1" ;;
  esac
}

# cache_restore: whether dependencies came from the cache; they are copies, so that a build cannot spoil it.
cache_restore() {
  cache=
  [ "$use_cache" = yes ] || return 1
  toolchain_may_cache || return 1
  cache=$root/cache/$(cache_key)
  rm -rf "$root"/cache/.new.*
  [ -d "$cache" ] || return 1
  cp -a "$cache/." "$work" && touch "$cache" && say cache hit
}

# cache_save: keeps what the toolchain names of the project, then only the newest three sets. A full disk fails no build.
cache_save() {
  if [ -z "$cache" ] || [ -d "$cache" ]; then
    return 0
  fi
  staged=$root/cache/.new.$$
  if mkdir -p "$staged" && toolchain_keeps | cache_copy && mv "$staged" "$cache"; then
    cache_prune
  else
    echo 'deliver: the dependencies could not be cached' >&2
    rm -rf "$staged"
  fi
}

# cache_copy: takes paths below the project, a line each; those that are not there are left out.
cache_copy() {
  while IFS= read -r name; do
    [ -e "$work/$name" ] || continue
    mkdir -p "$(dirname "$staged/$name")" || return 1
    cp -a "$work/$name" "$staged/$name" || return 1
  done
}

cache_prune() {
  find "$root/cache" -mindepth 1 -maxdepth 1 -type d -exec stat -c '%Y %n' {} + | sort -rn | sed 1,3d |
    while read -r _ old; do
      remove_tree "$old"
    done
}
