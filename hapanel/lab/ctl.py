"""`python -m hapanel.lab ctl`: one action on a running lab. Imports little, so that it is quick."""

import argparse
import http.client
import json
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 30


def main(words: list[str]) -> int:
    """Sends one action to a running lab: 0 done, 2 refused, 1 unreachable."""
    arguments = _parser().parse_args(words)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(_order(arguments), timeout=TIMEOUT_SECONDS) as answer:
            print(json.dumps(json.load(answer), indent=2))
        return 0
    except urllib.error.HTTPError as refused:
        print(_reason(refused), file=sys.stderr)
        return 2
    except (OSError, http.client.HTTPException, ValueError) as fault:
        print(f"the lab does not answer at {arguments.url}: {fault}", file=sys.stderr)
        return 1


def _reason(refused: urllib.error.HTTPError) -> str:
    """The lab's own words, or the status when somebody else answers there."""
    try:
        return str(json.loads(refused.read())["error"])
    except (ValueError, LookupError, TypeError):
        return f"{refused.url} answers {refused.code}, but is no lab"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hapanel.lab ctl")
    parser.add_argument("--url", required=True, help="control_url of the ready line")
    parser.add_argument("--token", required=True, help="control_token of the ready line")
    parser.add_argument("action", help="what to do; docs/lab.md lists all")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    return parser


def _order(arguments: argparse.Namespace) -> urllib.request.Request:
    """The request that carries the action."""
    headers = {
        "Authorization": f"Bearer {arguments.token}",
        "Content-Type": "application/json",
        "Connection": "close",
    }
    body = json.dumps({"action": arguments.action, "args": arguments.args}).encode()
    return urllib.request.Request(arguments.url, data=body, headers=headers)
