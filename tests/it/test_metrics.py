"""GET /metrics through the eyes of others: promtool, the OpenMetrics parser of prometheus_client (pyenv.py), and
a real Prometheus that scrapes the daemon."""

import json
import os
import re
import socket
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

import ctrdtest
import pyenv

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
WAIT_SECONDS = 60


class Metrics(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrtest-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        names = []
        for name in ("demo", "other"):
            for version in (1, 2):
                home = os.path.join(self.folder, name, str(version))
                os.makedirs(home)
                subprocess.run([ctrdtest.MAKE_CHECKPOINT, "--features", "f:item:4", "--hidden", "8", "--seed", str(version),
                                "--range", "-0.5,0.5", "--histogram", os.path.join(home, "student.safetensors")], check=True)
            names.append(f"{{folder: {os.path.join(self.folder, name)}, keep: 2, labels: {{canary: latest}}}}")
        self.daemon = ctrdtest.Daemon(None, f"models=[{', '.join(names)}]", f"log.access_file={self.folder}/access.log", "log.access_per_second=2")
        self.addCleanup(self.daemon.kill)
        self.addCleanup(lambda: self.assertEqual(self.daemon.stop(), 0))

    def use(self):
        """Requests of every kind of outcome."""
        for more in ({"model": "demo"}, {"model": "other", "version": 1}, {"model": "demo", "version": "canary"}):
            self.assertEqual(self.daemon.rank(ctrdtest.body_of(20, **more))[0], 200)
        for more in ({}, {"model": "none"}, {"model": "demo", "version": 9}, {"model": "demo", "timeout_us": 1}):
            self.assertIn(self.daemon.rank(ctrdtest.body_of(20, **more))[0], (400, 404, 429, 504))
        self.daemon.rank(b"nonsense")
        self.daemon.request("GET", "/nowhere")
        self.daemon.request("DELETE", "/v1/rank")

    def scrape(self, headers=None):
        status, head, body = self.daemon.request("GET", "/metrics", headers=headers)
        self.assertEqual(status, 200)
        return head["Content-Type"], body.decode()

    def test_promtool_is_content(self):
        for used in (False, True):
            if used:
                self.use()
            kind, text = self.scrape()
            self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_openmetrics_is_read_and_says_the_same(self):
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        self.use()
        kind, text = self.scrape(OPENMETRICS)
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("# EOF\n"))
        families = {family.name: family for family in text_string_to_metric_families(text)}
        for name, type_ in (("ctrd_http_requests", "counter"), ("ctrd_request_duration_seconds", "histogram"),
                            ("ctrd_queue_depth", "gauge"), ("ctrd_model_load", "counter"), ("process_cpu_seconds", "counter")):
            self.assertEqual(families[name].type, type_)
        plain = {re.sub(r"[{ ].*", "", line) for line in self.scrape()[1].splitlines() if line[0] != "#"}
        other = {sample.name for family in families.values() for sample in family.samples}
        self.assertEqual(plain, other)

    def test_what_is_counted(self):
        self.use()
        seen = self.daemon.metrics()
        count = 'ctrd_request_duration_seconds_count{model="%s",version="%d",api="rank"}'
        self.assertIn(seen[count % ("demo", 2)], (2, 3))  # one was too late, maybe before a worker had it
        self.assertEqual(seen[count % ("other", 1)], 1)
        self.assertEqual(seen['ctrd_pctr_count{model="demo",version="2"}'], 40)
        self.assertEqual(sum(value for name, value in seen.items() if name.startswith('ctrd_score_bin_total{model="demo",version="2"')), 40)
        # 80 values of body_of lie in [-1, 1], the range of training is [-0.5, 0.5].
        outside = sum(abs(value) > 0.5 for item in json.loads(ctrdtest.body_of(20))["candidates"] for value in item["features"]["f"])
        self.assertEqual(sum(seen[f'ctrd_feature_invalid_total{{model="other",version="1",feature="f",reason="{reason}"}}']
                             for reason in ("below", "above")), outside)
        self.assertIn('ctrd_score_psi{model="demo",version="2"}', seen)
        self.assertEqual(seen['ctrd_model_label{model="demo",version="2",label="canary"}'], 1)
        self.assertEqual(seen['ctrd_model_state{model="demo",version="2",state="serving"}'], 1)
        self.assertEqual(seen['ctrd_model_state{model="demo",version="1",state="serving"}'], 0)
        self.assertEqual(seen['ctrd_model_load_total{model="other",result="ok"}'], 2)
        self.assertEqual(seen['ctrd_http_requests_total{route="/v1/rank",method="POST",code="405"}'], 1)
        self.assertEqual(seen['ctrd_http_requests_total{route="other",method="other",code="404"}'], 1)
        self.assertGreater(seen['ctrd_access_log_lost_total{reason="rate"}'], 0)

    def test_a_feature_set_is_what_bodies_bring(self):
        dense, other = "name: f, scope: item, kind: dense, size: 4", "name: g, scope: item, kind: dense, size: 4"
        hour = "name: h, scope: item, kind: id, encode: identity, dim: 2"
        folders = {"dense": (dense, dense, dense.replace("4", "5"), other), "rest": (f"{dense}, default: 0", f"{hour}, buckets: 24", f"{hour}, buckets: 25")}
        schema = os.path.join(self.folder, "features.yaml")
        for name, features in folders.items():
            for version, feature in enumerate(features, 1):
                home = os.path.join(self.folder, name, str(version))
                os.makedirs(home)
                with open(schema, "w", encoding="utf-8") as file:
                    file.write(f"- {{{feature}}}\n")
                subprocess.run([ctrdtest.MAKE_CHECKPOINT, "--schema", schema, "--seed", str(version), os.path.join(home, "student.safetensors")], check=True)
        daemon = ctrdtest.Daemon(None, f"models=[{', '.join(f'{{folder: {self.folder}/{name}, keep: 4}}' for name in folders)}]")
        self.addCleanup(daemon.kill)
        text = daemon.request("GET", "/metrics")[2].decode()
        sets = {tuple(found[:2]): found[2] for found in re.findall(r'ctrd_model_info{model="(\w+)",version="(\d)"[^}]*feature_set="([0-9a-f]{12})"', text)}
        self.assertEqual(len(sets), 7)
        self.assertEqual(sets["dense", "1"], sets["dense", "2"])
        self.assertEqual(len(set(sets.values())), 6)
        self.assertEqual(daemon.stop(), 0)

    def start_prometheus(self):
        """Its port. Somebody else may take the port before it does: then it ends, and once more."""
        config = os.path.join(self.folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
                       f"scrape_configs: [{{job_name: ctrd, static_configs: [{{targets: ['127.0.0.1:{self.daemon.port}']}}]}}]\n")
        for attempt in range(5):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            process = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb-{attempt}",
                                        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.terminate)

            def listens(process=process, port=port):
                with socket.socket() as sock:
                    return process.poll() is not None or sock.connect_ex(("127.0.0.1", port)) == 0
            ctrdtest.until(listens, "Prometheus listens or ends", WAIT_SECONDS)
            if process.poll() is None:
                return port
        raise AssertionError("no port for Prometheus")

    def test_a_prometheus_scrapes_it(self):
        self.use()
        port = self.start_prometheus()

        def query(text):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": text}),
                                            timeout=5) as reply:
                    return [float(one["value"][1]) for one in json.load(reply)["data"]["result"]]
            except OSError:
                return []
        ctrdtest.until(lambda: query('up{job="ctrd"}') == [1.0], "Prometheus scrapes ctrd", WAIT_SECONDS)
        wanted = 'ctrd_http_requests_total{route="/v1/rank",method="POST",code="200"}'
        ctrdtest.until(lambda: query(wanted) == [3.0], "the requests are in Prometheus", WAIT_SECONDS)
        self.assertEqual(query("count(ctrd_model_info)"), [4.0])


if __name__ == "__main__":
    pyenv.enter()
    unittest.main()
