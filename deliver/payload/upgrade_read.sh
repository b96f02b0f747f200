# shellcheck shell=sh
# Reads what a release tree holds. Stands after build_env.sh. Says `release JSON`.
: "${beams:=}" "${root:=}" "${version:=}"

facts=$(
  ROOT=$root VERSION=$version
  export ROOT VERSION
  erl +S 2 +fnu -noinput -boot no_dot_erlang -pa "$beams" \
    -eval 'deliver_read:main([os:getenv("ROOT"), os:getenv("VERSION")]), halt(0)' </dev/null
) || fail "the release $version cannot be read"
say release "$facts"
