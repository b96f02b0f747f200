# shellcheck shell=sh
# What a release's directory looks like, and how one version becomes the one to start. Stands after the prelude and
# lock.sh. Expects: root (the release's directory), who (the inside of a JSON string).
: "${root:=}" "${who:=}"

exists() {
  [ -e "$1" ] || [ -L "$1" ]
}

# attempt WHAT COMMAND...: runs the command in a subshell; its failure ends the script and says why.
attempt() {
  attempt_what=$1
  shift
  attempt_said=$("$@" 2>&1) || refuse "$attempt_what" "$attempt_said"
}

# refuse WHAT SAID: ends the script; a full disk has a status of its own.
refuse() {
  case $2 in
    *'No space left on device'* | *'uota exceeded'*) fail "$1" 28 ;;
    *) fail "$1: $(printf '%s\n' "$2" | tail -n 3 | sed 's/^deliver: //')" ;;
  esac
}

# journal ACTION VERSION OUTCOME: one line for those who ask later. A journal that cannot be written stops nothing.
journal() {
  [ -d "$root/.deliver" ] || return 0
  journal_lines "$(printf '{"at":"%s","who":"%s","action":"%s","version":"%s","outcome":"%s"}' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$who" "$1" "$2" "$3")" 2>/dev/null
}

# journal_lines LINES: adds them; whether they could be written.
journal_lines() {
  printf '%s\n' "$1" >>"$root/.deliver/journal"
}

# check_format: a directory that a newer deliver made is not ours to change.
check_format() {
  if [ -f "$root/.deliver/format" ]; then
    [ "$(cat "$root/.deliver/format")" = 1 ] || fail "$root was made by a newer version of deliver"
  else
    attempt 'writing .deliver/format' put_text 1 "$root/.deliver/format"
  fi
}

# put_text TEXT FILE: the file has this line, or is as it was.
put_text() {
  printf '%s\n' "$1" >"$2.deliver-new" && mv -f "$2.deliver-new" "$2"
}

# put_file FROM TO: a copy of FROM, a file or a link, takes the place of TO in one step.
put_file() {
  put_new="${2%/*}/.${2##*/}.deliver-new"
  [ -d "${2%/*}" ] || mkdir -p "${2%/*}" || return 1
  ! exists "$put_new" || rm -f "$put_new" || return 1
  cp -pP "$1" "$put_new" || return 1
  if [ -d "$2" ]; then
    # `mv` would go into a directory, and through a link to one.
    [ -L "$2" ] || fail "$2 is a directory"
    rm -f "$2"
  fi
  mv -f "$put_new" "$2"
}

# same_file A B: two files with the same bytes, or two links to the same target.
same_file() {
  if [ -L "$1" ] || [ -L "$2" ]; then
    [ -L "$1" ] && [ -L "$2" ] && [ "$(readlink "$1")" = "$(readlink "$2")" ]
  else
    cmp -s "$1" "$2"
  fi
}

# activate VERSION ERTS: makes an installed version the one to start.
activate() {
  place_scripts "$1"
  name_permanent "$1" "$2"
}

# place_scripts VERSION: the start scripts of an installed version.
place_scripts() {
  [ -f "$root/.deliver/versions/$1/manifest" ] || fail "version $1 is not installed in $root"
  attempt 'putting the start scripts in place' place_unversioned "$root/.deliver/versions/$1"
}

# name_permanent VERSION ERTS: for the start scripts, and for release_handler.
name_permanent() {
  attempt 'writing releases/RELEASES' write_releases "$1"
  attempt 'writing releases/start_erl.data' put_text "$2 $1" "$root/releases/start_erl.data"
}

# place_unversioned DIR: the files of an installed version that all versions share by name (bin/...). What the
# configuration puts on the host itself, and what only activation writes, is left alone.
place_unversioned() {
  [ -d "$1/unversioned" ] || return 0
  (cd "$1/unversioned" && find . ! -type d) | while IFS= read -r path; do
    path=${path#./}
    case $path in
      releases/RELEASES | releases/start_erl.data | releases/COOKIE) continue ;;
    esac
    [ -s "$1/overlays" ] && grep -qxF -e "$path" "$1/overlays" && continue
    same_file "$1/unversioned/$path" "$root/$path" || put_file "$1/unversioned/$path" "$root/$path" || exit 1
  done
}

# write_releases VERSION: what release_handler reads when the node boots.
write_releases() {
  {
    printf '['
    divider=
    for term in "$root"/.deliver/versions/*/release.term; do
      [ -f "${term%/*}/manifest" ] || continue
      status=old
      [ "$term" = "$root/.deliver/versions/$1/release.term" ] && status=permanent
      printf '%s' "$divider"
      sed "s/@STATUS@}\$/$status}/" "$term" | tr -d '\n'
      divider=,
    done
    printf '].\n'
  } >"$root/releases/RELEASES.deliver-new" && mv -f "$root/releases/RELEASES.deliver-new" "$root/releases/RELEASES"
}
