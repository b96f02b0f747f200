# shellcheck shell=sh
# After the node was asked to make its release permanent: the host starts it too; or nothing has changed. Stands after
# upgrade_commit.sh and ask.sh. Says `activated VERSION`.
: "${root:=}" "${version:=}" "${erts:=}" "${kept:=}" "${answer:=}"

case $answer in
  *'"eyJvayI6'*) # what begins with {"ok": in base64
    name_permanent "$version" "$erts"
    # shellcheck disable=SC2034 # the journal gets it
    outcome=ok
    say activated "$version"
    ;;
  *)
    for file in "$kept"/*; do
      [ ! -f "$file" ] || mv -f "$file" "$root/releases/${file##*/}"
    done
    ;;
esac
