"""GET /openapi.json against the daemon itself: it is a valid OpenAPI 3.1 document, and schemathesis, which makes
requests from it, valid and broken ones, finds no answer that it does not describe and no fault of the server.

The bodies of /v1/rank and /v1/explain are made from GET /v1/schema, so that many of them can be ranked. Needs
openapi-spec-validator and schemathesis (pyenv.py).
"""

import collections
import copy
import os
import tempfile
import unittest

import ctrdtest
import pyenv

TOKEN = "0123456789abcdef-token"
VALID, BROKEN = 130, 60  # cases of an operation that is not ranked; of the others four times as many
# A 504 is asked for by some of the cases: which 5xx there may be is looked at in the end.
CHECKS = ("status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance")


class OpenApi(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrtest-")
        self.addCleanup(holder.cleanup)
        models = os.path.join(holder.name, "demo")
        ctrdtest.make_model(models, 1, seed=1)
        ctrdtest.make_model(models, 2, seed=2)
        token = os.path.join(holder.name, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(TOKEN)
        self.daemon = ctrdtest.Daemon(models, "admin.port=0", f"admin.token_file={token}", "rank.max_candidates=50")
        self.addCleanup(self.daemon.kill)

    def get(self, path):
        import json
        status, _, body = self.daemon.request("GET", path)
        self.assertEqual(status, 200)
        return json.loads(body)

    def test_the_document_is_valid(self):
        import openapi_spec_validator
        document = self.get("/openapi.json")
        openapi_spec_validator.validate(document)
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertIn("/v1/models/{model}/load", document["paths"])

    @staticmethod
    def asker(label, base, headers, checks, statuses):
        def ask(case):
            response = case.call(base_url=base, headers=headers)
            statuses[label, response.status_code] += 1
            case.validate_response(response, checks=checks)
        return ask

    def test_schemathesis_finds_nothing(self):
        import hypothesis
        import schemathesis
        from schemathesis.generation import GenerationMode
        document = self.get("/openapi.json")
        features = self.get("/v1/schema")
        features.pop("$schema")
        document["components"]["schemas"]["rank_body"] = copy.deepcopy(features)
        schema = schemathesis.openapi.from_dict(document)
        checks = [getattr(schemathesis.checks, name, None) or schemathesis.checks.CHECKS.get_by_names([name])[0]
                  for name in CHECKS]
        statuses, faults = collections.Counter(), []
        for result in schema.get_all_operations():
            operation = result.ok()
            admin = "admin" in operation.tags
            base = f"http://127.0.0.1:{self.daemon.admin_port if admin else self.daemon.port}"
            headers = {"Authorization": f"Bearer {TOKEN}"} if admin else {}
            share = 4 if "data" in operation.tags else 1

            ask = self.asker(operation.label, base, headers, checks, statuses)
            for mode, cases in ((GenerationMode.POSITIVE, VALID), (GenerationMode.NEGATIVE, BROKEN)):
                try:
                    strategy = operation.as_strategy(generation_mode=mode)
                    settings = hypothesis.settings(max_examples=cases * share, deadline=None, database=None,
                                                   derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
                    settings(hypothesis.given(case=strategy)(ask))()
                except hypothesis.errors.Unsatisfiable:
                    pass  # an operation without parameters has no broken cases
                except BaseExceptionGroup as error:  # all of them are told together
                    faults.append(f"{operation.label} {mode}: {error}")
        total = sum(statuses.values())
        print("cases", total, sorted(statuses.items()))
        self.assertEqual(faults, [])
        self.assertGreaterEqual(total, 2000)
        self.assertGreaterEqual(statuses["POST /v1/rank", 200], 100)
        self.assertGreaterEqual(statuses["POST /v1/explain", 200], 100)
        self.assertFalse([code for _, code in statuses if code >= 500 and code != 504])
        self.assertEqual(self.daemon.request("GET", "/livez")[0], 200)
        self.assertEqual(self.daemon.stop(), 0)


if __name__ == "__main__":
    pyenv.enter()
    unittest.main()
