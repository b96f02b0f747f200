# shellcheck shell=sh
# Writes files of a directory to stdout, one after the other, compressed. Stands after the prelude.
: "${directory:=}" "${names:=}" "${compression:=none}"

compress() {
  case $compression in
    zstd) zstd -q -1 -c ;;
    gzip) gzip -1 -c ;;
    none) cat ;;
  esac
}

cd "$directory" || fail "$directory is gone: build again"
touch .
printf '%s\n' "$names" | tr '\n' '\0' | xargs -0 cat -- | compress
