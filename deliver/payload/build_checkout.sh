# shellcheck shell=sh
# A fresh working tree of exactly one commit, with its submodules, and the files that belong beside the sources.
# The path is the same each time: compilers write it into what they make.
: "${repository:=}" "${checkout:=}" "${commit:=}" "${tag:=}" "${tag_object:=}" "${shallow:=}" "${submodules:=}"

checkout_source() {
  remove_tree "$checkout" &&
    checkout_commit "$checkout" "$checkout/.git" "$commit" &&
    { [ -z "$tag" ] || our_git -C "$checkout" update-ref "refs/tags/$tag" "${tag_object:-$commit}"; } &&
    checkout_submodules &&
    place_files
}

# checkout_commit DIRECTORY GIT_DIR COMMIT: its objects stay in the repository, which outlives it.
checkout_commit() {
  mkdir -p "$1" "$2" &&
    our_git --git-dir="$2" --work-tree="$1" init -q --template= &&
    mkdir -p "$2/objects/info" &&
    printf '%s\n' "$repository/objects" >"$2/objects/info/alternates" &&
    { [ -z "$shallow" ] || printf '%s\n' "$shallow" >"$2/shallow"; } &&
    our_git --git-dir="$2" --work-tree="$1" checkout -q --detach "$3"
}

# Lines of COMMIT PATH; an outer one comes before those inside it. What git keeps of one, dates among it, must not lie in
# it: it may be in `priv` and so in the release.
checkout_submodules() {
  [ -n "$submodules" ] || return 0
  printf '%s\n' "$submodules" | while read -r sha directory; do
    kept=.git/modules/$directory/.git
    up=$(printf '%s/' "$directory" | sed 's:[^/]*/:../:g')
    checkout_commit "$checkout/$directory" "$checkout/$kept" "$sha" &&
      printf 'gitdir: %s\n' "$up$kept" >"$checkout/$directory/.git" || exit 1
  done
}

# remove_tree DIRECTORY: also when a build left parts of it read-only.
remove_tree() {
  rm -rf "$1" 2>/dev/null || { chmod -R u+rwx "$1" && rm -rf "$1"; }
}

# place_content PATH MODE BASE64
place_content() {
  place_parent "$1" && printf '%s' "$3" | base64 -d >"$checkout/$1" && chmod "$2" "$checkout/$1"
}

# place_copy PATH MODE FILE: FILE is of this host.
place_copy() {
  case $3 in
    \~/*) from=$HOME/${3#??} ;;
    /*) from=$3 ;;
    *) from=$HOME/$3 ;;
  esac
  [ -f "$from" ] || { echo "deliver: this host has no file $from" >&2 && return 1; }
  place_parent "$1" && cat "$from" >"$checkout/$1" && chmod "$2" "$checkout/$1"
}

# remove_placed PATH
remove_placed() {
  rm -f "$checkout/$1"
}

# The file may replace a link: what the link points to is left alone.
place_parent() {
  mkdir -p "$(dirname "$checkout/$1")" && rm -f "$checkout/$1" && (umask 077 && : >"$checkout/$1")
}
