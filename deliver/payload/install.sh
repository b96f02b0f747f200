# shellcheck shell=sh
# Installs one version of a release from the stream on stdin. Stands after lock.sh and layout.sh.
#
# The stream is a compressed tar: meta/ (how to make the manifest, what to copy, which files are the host's own),
# version/ (what .deliver/versions/VERSION gets), tree/ (new files by their path), overlay/ (the host's own files),
# and meta/end. Until the version's directory is renamed into .deliver/versions, all of it can be undone, and is: here
# when something fails, by the next push when this one was killed.
#
# Says: `locked HOLDER` (75); `damaged PATH` (65); nothing, when the files of `reference` are not those it is told from (67); `taken PATH` (66); at the end `state installed|present`,
# `activated VERSION`, `files COUNT`, and `cookie written` when a version that was present got only that.
: "${root:=}" "${version:=}" "${digest:=}" "${base:=}" "${format:=}" "${token:=}" "${holder:=}" "${wait:=0}"
: "${reference:=}" "${reference_digest:=}" "${erts:=}" "${cookie:=}" "${cookie_again:=no}" "${tab:=}" "${attempt_said:=}"

versions="$root/.deliver/versions"
new="$root/.deliver/incoming/$token"

begin() {
  mkdir -p "$root/.deliver/incoming" || fail "cannot make $root/.deliver/incoming"
  take_lock "$root/.deliver/lock" "$holder" "$wait"
  check_format
  for dead in "$root"/.deliver/incoming/*; do
    exists "$dead" || continue
    undo "$dead" || fail "cannot undo what a push that was killed has left in $dead"
    rm -rf "$dead" || fail "cannot remove $dead"
  done
  mkdir -m 700 "$new" || fail "cannot make $new"
  outcome=failed
  at_exit end_push
}

end_push() {
  undo "$new"
  rm -rf "$new"
  journal install "$version" "$outcome"
}

# undo DIR: takes back what a push has put in place, unless it came to its end.
undo() {
  if [ -f "$1/placing" ] && [ -d "$1/version" ]; then
    while IFS= read -r path; do
      exists "$1/tree/$path" || ! exists "$root/$path" || mv "$root/$path" "$1/tree/$path" || return 1
    done <"$1/placing"
  fi
}

# make_reference: what the stream is told from: files of the host, one after the other.
make_reference() {
  (cd "$root" && printf '%s\n' "$reference" | tr '\n' '\0' | xargs -0 cat --) >"$new/reference" 2>/dev/null
  [ "$(sha256sum <"$new/reference")" = "$reference_digest  -" ] || exit 67
}

unpack() {
  case $format in
    zstd) zstd -dcq ${reference:+"--patch-from=$new/reference"} - ;;
    gzip) gzip -dc ;;
  esac | tar -xpof - -C "$new"
}

make_manifest() {
  base_file=
  [ -z "$base" ] || base_file="$versions/$base/manifest"
  # A line of the delta: `= FROM TO`, these lines of the base; `~ LINE PATH`, that line with another path;
  # `+ LINE`, the line itself.
  base_file=$base_file awk '
    BEGIN {
      FS = "\t"
      if (ENVIRON["base_file"] != "")
        while ((getline line < ENVIRON["base_file"]) > 0) old[++count] = line
    }
    $1 == "=" { for (i = $2; i <= $3; i++) print old[i] }
    $1 == "~" { split(old[$2], part, " "); print part[1], part[2], part[3], part[4], $3 }
    $1 == "+" { print substr($0, 3) }
  ' "$new/meta/delta" >"$new/version/manifest" || return 1
  [ "$(sha256sum <"$new/version/manifest")" = "$digest  -" ] ||
    fail "the host has changed since it was asked what it has; run the same command again"
}

# copy_reused: a line of meta/copy is FROM_DIR, TO_DIR, NAME, and the new name where it is another one.
# A source that is gone is found by `verify`, which tells it from other failures.
copy_reused() {
  from='' to=''
  set --
  while IFS="$tab" read -r next_from next_to name new_name; do
    if [ "$next_from$tab$next_to" != "$from$tab$to" ] || [ $# -ge 200 ]; then
      copy_group "$@"
      set --
      from=$next_from to=$next_to
      mkdir -p "$new/$to" || return 1
    fi
    if [ -n "$new_name" ]; then
      copy_one "$root/$from/$name" "$new/$to/$new_name"
    else
      set -- "$@" "$root/$from/$name"
    fi
  done <"$new/meta/copy"
  copy_group "$@"
}

copy_group() {
  [ $# -eq 0 ] || copy_one "$@" "$new/$to/"
}

copy_one() {
  copy_said=$(cp -p "$@" 2>&1) || case $copy_said in
    *'No space left on device'* | *'uota exceeded'*)
      printf '%s\n' "$copy_said"
      exit 1
      ;;
  esac
}

# verify: every file that this version will have is what its manifest says, here or where it already lies.
verify() {
  mkdir -p "$new/tree" "$new/version/unversioned" || return 1
  (
    cd "$new" || exit 1
    find tree version/unversioned -type f -exec stat -c '%a %n' {} +
    find tree version/unversioned -type l | sed 's/^/link /'
  ) >"$new/meta/staged" || return 1
  : >"$new/meta/damaged"
  sort_checks || return 1
  check_sums "$new/tree" tree
  check_sums "$new/version/unversioned" unversioned
  check_sums "$root" kept
  check_modes
  check_links
}

# sort_checks: from the manifest and what is staged, the lists of sums, modes and links to check, and where.
sort_checks() {
  : >"$new/meta/links"
  for list in tree unversioned kept; do
    : >"$new/meta/sums.$list"
    : >"$new/meta/modes.$list"
  done
  meta="$new/meta" awk '
    BEGIN { meta = ENVIRON["meta"] }
    FILENAME == meta "/overlays" { overlay[$0] = 1; next }
    FILENAME == meta "/staged" {
      path = substr($0, index($0, " ") + 1)
      place = index(path, "tree/") == 1 ? "tree" : "unversioned"
      path = substr(path, place == "tree" ? 6 : 21)
      where[path] = place
      mode[path] = substr($0, 1, index($0, " ") - 1)
      next
    }
    FNR == 1 { next }
    {
      path = substr($0, length($1 $2 $3 $4) + 5)
      target = ""
      if ($1 == "link") {
        cut = index(path, " -> ")
        target = substr(path, cut + 4)
        path = substr(path, 1, cut - 1)
      }
      known[path] = 1
      place = path in where ? where[path] : "kept"
      if (place == "kept" && path in overlay) next
      if ($1 == "link") { print place "\t" path "\t" target > (meta "/links"); next }
      wanted = $2
      sub(/^0+/, "", wanted)
      print $4 "  " path > (meta "/sums." place)
      print wanted " " path > (meta "/modes." place)
      if (place != "kept" && mode[path] != wanted) print path > (meta "/damaged")
    }
    END { for (path in where) if (!(path in known)) print path > (meta "/damaged") }
  ' "$new/meta/overlays" "$new/meta/staged" "$new/version/manifest"
}

# check_sums DIR LIST: what is not confirmed is damaged, whatever the reason.
check_sums() {
  [ -s "$new/meta/sums.$2" ] || return 0
  (cd "$1" && sha256sum -c "$new/meta/sums.$2") >"$new/meta/answers" 2>/dev/null
  answers="$new/meta/answers" awk '
    FILENAME == ENVIRON["answers"] { if (sub(/: OK$/, "")) good[$0] = 1; next }
    { path = substr($0, 67); if (!(path in good)) print path }
  ' "$new/meta/answers" "$new/meta/sums.$2" >>"$new/meta/damaged"
}

# check_modes: an operator may have changed who else can read a kept file, but its owner must be able to use it.
check_modes() {
  [ -s "$new/meta/modes.kept" ] || return 0
  (cd "$root" && sed 's/^[0-7]* //' "$new/meta/modes.kept" | tr '\n' '\0' | xargs -0 stat -c '%a %n') \
    >"$new/meta/answers" 2>/dev/null
  answers="$new/meta/answers" awk '
    { gap = index($0, " "); path = substr($0, gap + 1); owner = substr($0, gap - 3, 1) }
    FILENAME == ENVIRON["answers"] { has[path] = owner; next }
    path in has && has[path] != owner { print path }
  ' "$new/meta/answers" "$new/meta/modes.kept" >>"$new/meta/damaged"
}

check_links() {
  while IFS="$tab" read -r place path target; do
    case $place in
      tree) link="$new/tree/$path" ;;
      unversioned) link="$new/version/unversioned/$path" ;;
      *) link="$root/$path" ;;
    esac
    [ "$(readlink "$link")" = "$target" ] || printf '%s\n' "$path" >>"$new/meta/damaged"
  done <"$new/meta/links"
}

say_damaged() {
  [ -s "$new/meta/damaged" ] || return 0
  sort -u "$new/meta/damaged" | sed "s/^/damaged$tab/"
  exit 65
}

# list_moves: which directories and files go to their place, the whole directory where the host has none of that name.
# What somebody else has put there stays; when it is not the same, nothing is moved at all.
list_moves() {
  : >"$new/taken"
  moved=
  (cd "$new/tree" && find . -type d) >"$new/dirs" || return 1
  while IFS= read -r dir; do
    case $dir/ in
      "$moved"/*) continue ;;
    esac
    if ! exists "$root/$dir"; then
      printf '%s\n' "$dir"
      moved=$dir
    elif [ -d "$root/$dir" ]; then
      list_files "$dir"
    else
      printf '%s\n' "$dir" >>"$new/taken"
      moved=$dir
    fi
  done <"$new/dirs" >"$new/moves"
}

list_files() {
  for file in "$new/tree/$1"/* "$new/tree/$1"/.[!.]* "$new/tree/$1"/..?*; do
    exists "$file" || continue
    if [ -d "$file" ] && [ ! -L "$file" ]; then
      continue
    fi
    if ! exists "$root/$1/${file##*/}"; then
      printf '%s\n' "$1/${file##*/}"
    elif ! same_file "$file" "$root/$1/${file##*/}" && ! is_overlay "$1/${file##*/}"; then
      printf '%s\n' "$1/${file##*/}" >>"$new/taken"
    fi
  done
}

is_overlay() {
  grep -qxF -e "${1#./}" "$new/meta/overlays"
}

say_taken() {
  [ -s "$new/taken" ] || return 0
  sed "s/^/taken$tab/; s/$tab\.\//$tab/" "$new/taken"
  exit 66
}

place() {
  mv "$new/moves" "$new/placing" || return 1
  while IFS= read -r path; do
    mv "$new/tree/$path" "$root/$path" || return 1
  done <"$new/placing"
}

# place_overlays DIR: the host's own files, from the configuration. DIR is the version's directory: it keeps their
# names, and the release's own files in whose place they stand, for the day when the configuration has them no more.
place_overlays() {
  changed=0
  if [ -f "$1/overlays" ]; then
    while IFS= read -r path; do
      grep -qxF -e "$path" "$new/meta/overlays" || restore "$1" "$path" || return 1
    done <"$1/overlays"
  fi
  while IFS= read -r path; do
    if ! same_file "$new/overlay/$path" "$root/$path" || ! same_mode "$new/overlay/$path" "$root/$path"; then
      keep_original "$1" "$path" && put_file "$new/overlay/$path" "$root/$path" || return 1
      changed=$((changed + 1))
    fi
  done <"$new/meta/overlays"
  cp "$new/meta/overlays" "$1/overlays.new" && mv -f "$1/overlays.new" "$1/overlays" || return 1
  printf '%s' "$changed"
}

same_mode() {
  [ -L "$1" ] || [ "$(stat -c %a "$1")" = "$(stat -c %a "$2")" ]
}

# keep_original DIR PATH: what stands there may be the configuration's already, for another version: then its original counts.
keep_original() {
  if exists "$1/original/$2" || { [ -f "$1/overlays" ] && grep -qxF -e "$2" "$1/overlays"; }; then
    return 0
  fi
  kept=$root/$2
  for other in "$versions"/*/overlays; do
    [ ! -f "$other" ] || ! grep -qxF -e "$2" "$other" || kept=${other%/overlays}/original/$2
  done
  ! exists "$kept" || put_file "$kept" "$1/original/$2"
}

# restore DIR PATH: what versions share by name (bin/...) comes from the version to start.
restore() {
  own=
  [ ! -f "$root/releases/start_erl.data" ] || read -r _ own _ <"$root/releases/start_erl.data"
  own="$versions/$own/unversioned/$2"
  exists "$own" || own="$1/original/$2"
  if exists "$own"; then
    put_file "$own" "$root/$2" && rm -f "$1/original/$2"
  else
    rm -f "$root/$2"
  fi
  changed=$((changed + 1))
}

# place_cookie: a host's cookie is replaced only when the configuration names one. Prints what it did.
place_cookie() {
  [ -n "$cookie" ] && [ -s "$new/meta/cookie" ] || return 0
  if [ ! -s "$cookie" ] || { [ "$cookie_again" = yes ] && ! cmp -s "$new/meta/cookie" "$cookie"; }; then
    chmod 400 "$new/meta/cookie" && put_file "$new/meta/cookie" "$cookie" && printf 'written'
  fi
}

install_version() {
  attempt 'making the manifest' make_manifest
  attempt 'copying what the host has' copy_reused
  attempt 'checking all files' verify
  say_damaged
  attempt 'comparing with what is in place' list_moves
  say_taken
  attempt 'renaming files into place' place
  attempt 'writing the cookie' place_cookie
  attempt 'writing the files of the configuration' place_overlays "$new/version"
  changed=$attempt_said
  attempt 'making the version known' publish
  say state installed
}

# publish: from here on the version is installed.
publish() {
  mkdir -p "$versions" && rm -rf "${versions:?}/$version" && mv "$new/version" "$versions/$version"
}

refresh_version() {
  [ "$(sha256sum <"$versions/$version/manifest")" = "$digest  -" ] ||
    fail "version $version is installed with other content"
  attempt 'writing the cookie' place_cookie
  [ -z "$attempt_said" ] || say cookie "$attempt_said"
  attempt 'writing the files of the configuration' place_overlays "$versions/$version"
  changed=$attempt_said
  say state present
}

begin
[ -z "$reference" ] || make_reference
attempt 'unpacking' unpack
[ -f "$new/meta/end" ] || fail "the stream ended early; nothing was changed"
if [ -f "$versions/$version/manifest" ]; then
  refresh_version
else
  install_version
fi
say files "$changed"
if [ ! -s "$root/releases/start_erl.data" ]; then
  activate "$version" "$erts"
  journal activate "$version" ok
  say activated "$version"
fi
outcome=ok
