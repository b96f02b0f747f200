# shellcheck shell=sh
# Ends everything that runs out of a rehearsal's directory, and removes it. Stands after nothing but the prelude.
: "${place:=}"

# ours PID: whether that process is an executable, or an argument, of the rehearsal's directory.
ours() {
  tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -e "$place/"
}

# end_all SIGNAL: whether there was anybody to end.
end_all() {
  found=no
  for entry in /proc/[0-9]*; do
    pid=${entry##*/}
    if [ "$pid" != $$ ] && ours "$pid" && kill "-$1" "$pid" 2>/dev/null; then
      found=yes
    fi
  done
  [ "$found" = yes ]
}

case $place in
  */rehearsals/?*) ;;
  *) fail "$place is no rehearsal's directory" ;;
esac
tries=0
while [ "$tries" -lt 20 ] && end_all KILL; do
  tries=$((tries + 1))
  sleep 0.05 2>/dev/null || sleep 1
done
rm -rf "$place" || fail "$place could not be removed"
