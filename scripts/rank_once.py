"""Ranks the first page of an impression log through ctrd and prints the reply as a table.

Of the record goes into the request what is known before a page is shown: user, context, and the candidates with
their features and bids. The request is kept, so that it can be sent again by hand.
"""
import argparse
import json
import sys
import urllib.error
import urllib.request


def request_of(record, limit):
    candidates = [{key: candidate[key] for key in ("id", "bid", "features") if key in candidate}
                  for candidate in record["candidates"][:limit]]
    body = {"id": record.get("id", "page"), "slots": 5, "floors": {"bid": 0.05}}
    return body | {key: record[key] for key in ("user", "context") if key in record} | {"candidates": candidates}


def post(port, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/rank", json.dumps(body).encode(),
                                     {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        sys.exit(f"rank_once: {error.code}: {error.read().decode()}")
    except OSError as error:
        sys.exit(f"rank_once: 127.0.0.1:{port}: {error}; is ctrd running?")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--page", required=True, help="JSONL file; its first line is ranked")
    parser.add_argument("--request", required=True, help="where the request's JSON is kept")
    parser.add_argument("--limit", type=int, default=10, help="candidates at most")
    arguments = parser.parse_args()

    with open(arguments.page) as lines:
        body = request_of(json.loads(lines.readline()), arguments.limit)
    with open(arguments.request, "w") as file:
        json.dump(body, file)
    reply = post(arguments.port, body)
    bids = {candidate["id"]: candidate["bid"] for candidate in body["candidates"]}
    print(f"model {reply['model']}, version {reply['version']}: "
          f"{len(reply['ranked'])} of {len(body['candidates'])} candidates")
    print(f"{'rank':>4}  {'id':8} {'pCTR':>9} {'bid':>7} {'eCPM':>9} {'price/click':>12}")
    for place in reply["ranked"]:
        print(f"{place['rank']:>4}  {place['id']:8} {place['pctr']:>9.5f} {bids[place['id']]:>7.2f} "
              f"{place['ecpm']:>9.2f} {place['price']:>12.4f}")


if __name__ == "__main__":
    main()
