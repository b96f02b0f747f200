# shellcheck shell=sh
# Puts the files of an upgrade pair in place; they come as a compressed tar on stdin, whose first `size` bytes they are
# when more follows. Stands after layout.sh. Says `put PAIR`.
: "${root:=}" "${pair:=}" "${to:=}" "${holder:=}" "${wait:=0}" "${size:=}"

place=$root/.deliver/upgrades/$pair
stage=$root/.deliver/incoming/upgrade.$$
outcome=failed
end_put() {
  rm -rf "$stage"
  journal upgrade "$pair" "$outcome"
}

take_stream() {
  if [ -n "$size" ]; then
    dd bs="$size" count=1 iflag=fullblock 2>/dev/null
  else
    cat
  fi | gzip -dc
}

[ -d "$root/releases/$to" ] || fail "version $to is not installed in $root"
take_lock "$root/.deliver/lock" "$holder" "$wait"
check_format
at_exit end_put
attempt "making $stage" mkdir -p "$stage" "$root/.deliver/upgrades"
# `attempt` would take the stream for itself.
put_said=$(take_stream | (cd "$stage" && tar -xof -) 2>&1) || refuse "the files of $pair did not arrive whole" "$put_said"
[ -f "$stage/relup" ] || fail "the files of $pair did not arrive whole: relup is missing"
attempt "removing an older $pair" rm -rf "$place"
attempt "putting $pair in place" mv "$stage" "$place"
for file in relup deliver_relup.beam; do
  [ ! -f "$place/$file" ] || attempt "putting $file in place" put_file "$place/$file" "$root/releases/$to/$file"
done
outcome=prepared
say put "$pair"
