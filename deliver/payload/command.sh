# shellcheck shell=sh
# Runs a command line of the operator's, and ends with its status. Stands after line.sh.
: "${line_status:=}"

run_line
exit "$line_status"
