"""Stands in for `regional-node` and `global-index` where the demo's own steps are tested: same command lines, none of the work.

`FAIL` names a home and verb that fail, `HANG` one that never ends, `DIE` a home whose `serve` dies once it has been ready,
`REFUSE` a region that refuses the question.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import TextIO


def say(text: str, *, to: TextIO = sys.stdout) -> None:
    to.write(f"{text}\n")
    to.flush()


def main() -> int:
    program, *arguments = sys.argv[1:]
    home = Path(arguments[arguments.index("--home") + 1])
    verb = " ".join(a for a in arguments[:2] if not a.startswith("-") and "/" not in a and "SELECT" not in a)
    with (home.parent / "calls.txt").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps([program, home.name, *arguments]) + "\n")
    if os.environ.get("FAIL") == f"{home.name} {verb.split()[0]}":
        say("something is wrong: mend it", to=sys.stderr)
        return 3
    if os.environ.get("HANG") == f"{home.name} {verb.split()[0]}":
        (home.parent / "hanging.txt").write_text(str(os.getpid()), encoding="utf-8")
        signal.pause()
    return VERBS[verb.split()[0]](home, arguments)


def init(home: Path, arguments: list[str]) -> int:
    if home.exists():
        say("the home exists already", to=sys.stderr)
        return 1
    home.mkdir()
    return 0


def users(home: Path, arguments: list[str]) -> int:
    secret = Path(arguments[arguments.index("--password-file") + 1])
    assert secret.stat().st_mode & 0o077 == 0
    assert len(secret.read_text(encoding="utf-8").strip()) >= 12
    return 0


def invite(home: Path, arguments: list[str]) -> int:
    say(f"invite-for-{arguments[1]}")
    return 0


def join(home: Path, arguments: list[str]) -> int:
    text = Path(arguments[arguments.index("--invite") + 1].removeprefix("@")).read_text(encoding="utf-8")
    return 0 if text.strip() == f"invite-for-{home.name}" else 1


def import_(home: Path, arguments: list[str]) -> int:
    files = [Path(a) for a in arguments if a.endswith(".csv")]
    counts = [len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in files]
    say(json.dumps({"files": [{"created": count, "rejected": 0} for count in counts]}))
    return 0


def serve(home: Path, arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    say(f"ready on loopback, process {os.getpid()}")
    if os.environ.get("DIE") == home.name:
        say("the disk is full: free some space")
        return 7
    while True:
        signal.pause()


def entries(home: Path, arguments: list[str]) -> int:
    turn = home / "pulls.txt"
    if arguments[1] == "pull":
        pulled = int(turn.read_text(encoding="utf-8")) + 1 if turn.exists() else 1
        turn.write_text(str(pulled), encoding="utf-8")
        say(json.dumps({"pulled": []}))
        return 0
    held = 150 if turn.read_text(encoding="utf-8") != "1" else 100
    say("cluster,region,pseudonym")
    for region in ("eu-de", "br-sp", "us-ca"):
        for number in range(held):
            say(f"{number},{region},{number:032x}")
    return 0


def query(home: Path, arguments: list[str]) -> int:
    refusing = os.environ.get("REFUSE")
    coverage = [
        {"region": region, "status": "refused" if region == refusing else "answered", "reason": "", "epoch": "2026-11-22"}
        for region in ("eu-de", "br-sp", "us-ca")
    ]
    answer = {
        "columns": ["country", "count"],
        "rows": [["DE", int(os.environ.get("ROWS", "12"))]],
        "coverage": coverage,
        "budget": {},
    }
    say(json.dumps(answer) if "json" in arguments else "country  count\nDE       12 ± 3")
    return 0


def person(home: Path, arguments: list[str]) -> int:
    if "br-sp" in arguments:
        say("given_name  Ana  clear  br-data-minimisation  LGPD Art. 6(III)")
        return 0
    say("refused: eu-no-transfer-without-a-mechanism, GDPR Art. 44", to=sys.stderr)
    return 1


VERBS = {
    "init": init,
    "users": users,
    "invite": invite,
    "join": join,
    "import": import_,
    "serve": serve,
    "entries": entries,
    "query": query,
    "person": person,
}

if __name__ == "__main__":
    sys.exit(main())
