"""Ranks one list of a LETOR file through ctrd and prints the reply as a table.

The documents of the first list become candidates with made-up bids; the request is kept, so that it can be
sent again by hand.
"""
import argparse
import gzip
import json
import sys
import urllib.error
import urllib.request


def candidates(path, limit):
    """The first list's documents as candidates, from its lines `grade qid:ID number:value ...`."""
    first, rows = None, []
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as lines:
        for line in lines:
            words = line.split("#")[0].split()
            if not words:
                continue
            grade, qid, *pairs = words
            first = first or qid
            if qid != first or len(rows) == limit:
                break
            values = dict(pair.split(":") for pair in pairs)
            rows.append({int(number): float(value) for number, value in values.items()})
    return rows


def post(port, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/rank", json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        sys.exit(f"rank_once: {error.code}: {error.read().decode()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--letor", required=True, help="LETOR file; its first list is ranked")
    parser.add_argument("--request", required=True, help="where the request's JSON is kept")
    parser.add_argument("--columns", type=int, default=24, help="features that the model was trained on")
    parser.add_argument("--limit", type=int, default=10, help="candidates at most")
    arguments = parser.parse_args()

    rows = candidates(arguments.letor, arguments.limit)
    body = {"id": "quickstart", "slots": 5, "floors": {"bid": 0.05},
            "candidates": [{"id": f"ad-{i}", "bid": round(0.5 + (i * 37 % 10) * 0.15, 2),
                            "features": {"f": [row.get(k + 1, 0.0) for k in range(arguments.columns)]}}
                           for i, row in enumerate(rows)]}
    with open(arguments.request, "w") as file:
        json.dump(body, file)
    reply = post(arguments.port, body)
    bids = {candidate["id"]: candidate["bid"] for candidate in body["candidates"]}
    print(f"model {reply['model']}, version {reply['version']}: "
          f"{len(reply['ranked'])} of {len(rows)} candidates")
    print(f"{'rank':>4}  {'id':8} {'pCTR':>9} {'bid':>7} {'eCPM':>9} {'price/click':>12}")
    for place in reply["ranked"]:
        print(f"{place['rank']:>4}  {place['id']:8} {place['pctr']:>9.5f} {bids[place['id']]:>7.2f} "
              f"{place['ecpm']:>9.2f} {place['price']:>12.4f}")


if __name__ == "__main__":
    main()
