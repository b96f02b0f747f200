# shellcheck shell=sh
# Reads what a release tree holds. Stands after erlang.sh. Says `release JSON`.
: "${beams:=}" "${root:=}" "${version:=}"

facts=$(
  ROOT=$root VERSION=$version
  export ROOT VERSION
  erlang +S 2 +fnu -noinput -pa "$beams" \
    -eval 'deliver_read:main([os:getenv("ROOT"), os:getenv("VERSION")]), halt(0)' </dev/null
) || fail "the release $version cannot be read"
say release "$facts"
