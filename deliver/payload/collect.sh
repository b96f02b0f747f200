# shellcheck shell=sh
# What a directory with a release holds, said as facts. Stands after the prelude.
: "${inspect_escript:=}" "${tab:=}"

# collect DIRECTORY: leaves out what belongs to a host, refuses what cannot be kept, then says everything.
collect() {
  cd -P "$1" || fail "there is no directory $1"
  collect_clean
  collect_refuse
  collect_facts "$(pwd -P)"
  collect_machine
  collect_files
}

# The cookie, RELEASES and start_erl.data are each host's own, and a boot script's date is no content.
collect_clean() {
  rm -rf releases/COOKIE releases/RELEASES releases/start_erl.data tmp log erl_crash.dump
  for file in releases/*/*.script releases/*/*.rel releases/*.rel; do
    if head -n 3 "$file" 2>/dev/null | grep -q '^%%.*generated at'; then
      sed '1,3{/^%%.*generated at/d;}' "$file" >"$file.dated" && cat "$file.dated" >"$file" && rm -f "$file.dated"
    fi
  done
}

# refuse KIND WHAT: ends the script; KIND chooses the advice that the operator reads.
refuse() {
  say refused "$1" "$(printf '%s' "$2" | tr '\n\t' '  ')"
  exit 1
}

collect_refuse() {
  found=$(find . -name '*[[:cntrl:]]*' | head -n 1)
  [ -z "$found" ] || refuse name "the release has a file with a control character in its name: $found"
  found=$(find . ! -type f ! -type d ! -type l | head -n 1)
  [ -z "$found" ] || refuse kind "the release has something that is neither file nor link: $found"
  here=$(pwd -P)
  find . -type l | while IFS= read -r link; do
    target=$(readlink "$link")
    case $target in
      /*) outside=yes ;;
      *) outside=no ;;
    esac
    case $(readlink -f "$link") in
      "$here" | "$here"/*) ;;
      *) outside=yes ;;
    esac
    [ $outside = no ] || refuse link "the release has a link that leads out of it: $link -> $target"
  done || exit 1
}

# collect_facts DIRECTORY: Erlang says what release it is.
collect_facts() {
  inspector=$(mktemp) || fail "cannot write a temporary file"
  at_exit "rm -f '$inspector'"
  printf '%s' "$inspect_escript" >"$inspector"
  facts=$(escript "$inspector" "$1" </dev/null 2>&1) || refuse release "${facts#deliver: }"
  say facts "$facts"
}

# collect_machine: what the release's binaries were made for.
collect_machine() {
  say os "$(uname -s | tr '[:upper:]' '[:lower:]')"
  say arch "$(uname -m)"
  if getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
    say libc glibc
  elif [ -n "$(find /lib -maxdepth 1 -name 'ld-musl-*')" ]; then
    say libc musl
  else
    say libc unknown
  fi
  find . -type f \( -perm -100 -o -name '*.so' -o -name '*.so.*' \) -exec cat {} + | tr -c 'A-Z_a-z0-9.' '\n' |
    grep '^GLIBC_[0-9][0-9.]*$' | sort -u | sed "s/^GLIBC_/needs$tab/"
}

collect_files() {
  find . -type f -exec stat -c "file$tab%a$tab%s$tab%n" {} +
  find . -type f -exec sha256sum {} + | sed "s/^/sum$tab/"
  find . -type l | while IFS= read -r link; do
    say link "$(readlink "$link")" "$link"
  done
}
