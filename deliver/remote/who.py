"""Who is at work, as hosts are told: the holder of a lock, the author of a line in the journal."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping
from datetime import datetime, timezone

#: What CI services put into the environment of a job: the address of its page, or what that is made of.
_CI_PAGES = (
    "{CI_JOB_URL}",  # GitLab; Woodpecker has the next one beside it
    "{CI_STEP_URL}",
    "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",  # Gitea and Forgejo have the same
    "{BUILDKITE_BUILD_URL}",
    "{CIRCLE_BUILD_URL}",
    "{TRAVIS_BUILD_WEB_URL}",
    "{DRONE_BUILD_LINK}",
    "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
    "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
    "{SEMAPHORE_ORGANIZATION_URL}/jobs/{SEMAPHORE_JOB_ID}",
    "{BUILD_URL}",  # Jenkins
)


def me() -> str:
    """Return `user@machine`."""
    return f"{getpass.getuser()}@{machine()}"


def machine() -> str:
    """Return the name of the operator's machine."""
    return socket.gethostname()


def ci_page(environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of the CI job that this is, as far as its environment tells; empty for none."""
    known = {key: value for key, value in environ.items() if value}
    for page in _CI_PAGES:
        try:
            return page.format_map(known)
        except KeyError:
            continue
    return ""


def journal_name() -> str:
    """Return `me` as the inside of a JSON string."""
    return json.dumps(me())[1:-1]


def holder(action: str, version: str) -> str:
    """Return what the lock of a host tells of its holder, as JSON in one line."""
    return json.dumps(
        {
            "who": getpass.getuser(),
            "host": machine(),
            "pid": os.getpid(),
            "action": action,
            "version": version,
            "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
    )


def told(document: str) -> str:
    """Return a holder's JSON in words; whoever wrote it, something is said."""
    try:
        known = json.loads(document)
        pid, since = known.get("pid", "?"), known.get("since", "?")
        what = f"{known.get('action', 'work')} {known.get('version', '')}".strip()
        return f"{known['who']}@{known['host']} ({what}, process {pid}, since {since})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return document or "somebody"
