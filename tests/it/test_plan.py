"""SIGHUP with another plan of models, of the real daemon: what comes, what goes, and what keeps the old one."""

import os
import shutil
import signal
import unittest

from ctrdtest import until
from modelstest import LOADS, Models


class Plan(Models):
    def test_hup_takes_live_options_and_plan(self):
        self.put(1)
        self.put(2, 2)
        text = f"models: [{{folder: {self.folder}, keep: %s, labels: {{%s}}}}]\nrank: {{timeout_ms: %s}}\n%s"
        config = self.config(text % (1, "", 0, ""))
        daemon = self.start(**config)
        self.assertEqual(daemon.version_of(version=1), 404)
        os.mkdir(self.path / "empty")
        # A bad configuration changes nothing, whole as it is.
        for bad in (text % (2, "a: 1", "soon", ""), text % (2, "1a: 1", 1, ""), text % (2, "a: 1", 1, "rank: {x: 1}\n"),
                    "models: []\nrank: {timeout_ms: 1}\n", text % (99, "a: 1", 1, ""), "models: [{folder: x, folder: y}]",
                    f"models: [{{folder: {self.path}/nowhere}}]", f"models: [{{name: other, folder: {self.path}/empty}}]"):
            self.config(bad + "\nlog: {level: warn}\n")
            refused, told = (daemon.stderr().count(event) for event in ("configuration refused", " info state "))
            self.hup(daemon)
            self.assertEqual(daemon.stderr().count("configuration refused"), refused + 1, bad)
            self.assertEqual((daemon.version_of(), daemon.version_of(version=1)), (2, 404))
            daemon.signal(signal.SIGUSR2)
            until(lambda told=told: daemon.stderr().count(" info state ") > told, "a level that was not taken")
        self.assertRegex(daemon.stderr(), r"configuration refused, the old one stays.*ctrd.yaml.*rank.timeout_ms")
        self.config(text % (2, "a: 1", 0, "serve: {workers: 3}\n"))
        self.hup(daemon)
        until(lambda: daemon.version_of(version="a") == 1, "label a")
        self.assertRegex(daemon.stderr(), r"needs a restart.*serve.workers")
        # The log level is taken too: the next one is silent.
        self.config(text % (2, "b: 2", 0, "log: {level: error}\n"))
        taken = daemon.stderr().count("configuration taken")
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.version_of(version="b") == 2, "label b")
        self.assertEqual(daemon.stderr().count("configuration taken"), taken)
        self.assertEqual(daemon.version_of(version="a"), 404)
        self.assertEqual(daemon.stop(), 0)

    def test_hup_takes_the_delay_of_a_drain_and_the_rate_of_the_log(self):
        self.put(1)
        text = (f"models: [{{folder: {self.folder}}}]\ndrain: {{delay_ms: %s}}\n"
                f"log: {{access_file: {self.path}/access, access_per_second: %s}}\n")
        daemon = self.start(drain_delay=None, **self.config(text % (3600000, 1)))
        access, lost = self.path / "access", 'ctrd_access_log_lost_total{reason="rate"}'
        until(lambda: daemon.version_of() == 1 and daemon.metrics()[lost] > 0, "lines that are too many")
        self.config(text % (0, 0))
        self.hup(daemon)
        before, lost_before = access.read_text().count("/v1/rank"), daemon.metrics()[lost]
        for _ in range(100):
            self.assertEqual(daemon.version_of(), 1)
        until(lambda: access.read_text().count("/v1/rank") >= before + 100, "a line each")
        self.assertEqual(daemon.metrics()[lost], lost_before)
        self.assertEqual(daemon.stop(), 0)  # without a delay

    def test_hup_from_eight_versions_to_eight_others(self):
        for version in range(1, 17):
            self.put(version, 1 + version % 2)
        text = f"models: [{{folder: {self.folder}, versions: %s}}]"
        daemon = self.start(**self.config(text % list(range(1, 9))))
        self.config(text % list(range(2, 10)))
        self.hup(daemon)
        until(lambda: daemon.version_of() == 9, "version 9")
        self.assertEqual([daemon.version_of(version=version) for version in range(1, 10)], [404, *range(2, 10)])
        self.assertEqual(daemon.metrics()[LOADS.format("demo", "ok")], 9)  # what both want is not read again
        self.config(text % list(range(9, 17)))
        self.hup(daemon)
        until(lambda: daemon.version_of() == 16, "version 16")
        self.assertEqual([daemon.version_of(version=version) for version in range(1, 17)], [404] * 8 + list(range(9, 17)))
        self.assertEqual(daemon.metrics()[LOADS.format("demo", "ok")], 16)
        self.config(text % [*range(1, 9)])  # all older than what serves
        self.hup(daemon)
        until(lambda: daemon.version_of() == 8, "version 8")
        self.assertEqual([daemon.version_of(version=version) for version in range(1, 17)], [*range(1, 9), *[404] * 8])
        self.assertEqual(daemon.stop(), 0)

    def test_a_version_without_a_place_is_told_of(self):
        for version in range(1, 9):
            self.put(version)
        labels = ", ".join(f"l{version}: {version}" for version in range(1, 7))
        text = f"models: [{{folder: {self.folder}, labels: {{{labels}%s}}}}]"
        daemon = self.start(**self.config(text % ""))
        for newest in (9, 10, 11):  # 6 labelled, the newest, and the one that served before, which gives way
            self.put(newest)
            self.hup(daemon)
            self.assertEqual(daemon.version_of(), newest)
        self.assertNotIn("no place", daemon.stderr())
        self.config(text % ", l7: 7, l8: 8")
        self.hup(daemon)
        daemon.wait_for_log("no place for a model version")
        self.assertEqual((daemon.version_of(), daemon.version_of(version="l8")), (11, 404))
        self.assertEqual([daemon.version_of(version=f"l{version}") for version in range(1, 8)], list(range(1, 8)))
        self.assertEqual(daemon.stop(), 0)

    def test_hup_to_models_that_cannot_serve_keeps_the_old_ones(self):
        self.put(1)
        daemon = self.start("model.watch=true", **self.config(f"models: [{{folder: {self.folder}}}]"))
        os.makedirs(self.path / "other" / "1")
        with open(self.students[0], "rb") as whole, open(self.path / "other" / "1" / "student.safetensors", "wb") as part:
            part.write(whole.read()[:-1])
        self.config(f"models: [{{folder: {self.path}/other}}]")
        for known in (1, 2):  # that it is bad
            self.hup(daemon)
            until(lambda known=known: daemon.stderr().count("the old models stay") == known, "the plan refused")
            self.assertEqual((daemon.version_of(), daemon.version_of(model="other")), (1, 404))
            self.assertEqual(daemon.request("GET", "/readyz")[0], 200)
        self.put(2)  # what serves goes on in all ways
        until(lambda: daemon.version_of() == 2, "version 2")
        self.put(7, 2, "other")
        self.hup(daemon)
        until(lambda: daemon.version_of(model="other") == 7, "the other model")
        self.assertEqual((daemon.version_of(), daemon.version_of(model="demo")), (7, 404))
        self.put(8, 1, "other")
        until(lambda: daemon.version_of() == 8, "version 8 of the other model")
        self.assertEqual(daemon.stop(), 0)

    def test_a_model_that_had_nothing_serves_when_another_goes(self):
        """It is loaded before the other goes; from the same folder, and from another."""
        for moved in ("b", "c"):
            with self.subTest(moved=moved):
                self.put(1)
                self.put(1, folder="b")
                os.truncate(self.path / "b" / "1" / "student.safetensors", 100)
                text = f"models: [{{folder: {self.folder}}}, {{name: b, folder: {self.path}/b}}]"
                daemon = self.start(**self.config(f"models: [{{folder: {self.folder}}}]"))
                self.config(text)
                self.hup(daemon)
                self.assertEqual((daemon.version_of(model="demo"), daemon.version_of(model="b")), (1, 503))
                self.put(2, 2, moved)
                self.config(f"models: [{{name: b, folder: {self.path}/{moved}}}]")
                self.hup(daemon)
                until(lambda daemon=daemon: daemon.version_of() == 2, "version 2 of b")
                self.assertEqual((daemon.version_of(model="demo"), daemon.request("GET", "/readyz")[0]), (404, 200))
                self.assertEqual(daemon.stop(), 0)
                for folder in ("demo", "b"):
                    shutil.rmtree(self.path / folder)

    def test_what_was_loaded_in_vain_keeps_its_labels(self):
        """A model that moves has a version with a label, but not the one that is to be stable; another one can serve."""
        self.put(1)
        for folder in ("a", "c"):
            self.put(42, folder=folder)
            os.truncate(self.path / folder / "42" / "student.safetensors", 100)
        self.put(1, folder="c")
        self.put(5, folder="other")
        daemon = self.start(**self.config(f"models: [{{folder: {self.folder}}}]"))
        self.config(f"models: [{{folder: {self.folder}}}, {{folder: {self.path}/a}}]")
        self.hup(daemon)
        self.config(f"models: [{{name: a, folder: {self.path}/c, labels: {{canary: latest, stable: 42}}}}, {{folder: {self.path}/other}}]")
        self.hup(daemon)
        until(lambda: daemon.version_of(model="other") == 5, "the other model")
        self.assertEqual(self.states(daemon, "a")[1], {"canary": "1"})
        self.assertEqual(daemon.version_of(model="a"), 503)
        shutil.rmtree(self.path / "c" / "42")
        self.put(42, folder="c")
        self.hup(daemon)
        until(lambda: daemon.version_of(model="a") == 42, "what is to be stable")
        self.assertEqual(daemon.version_of(model="a", version="canary"), 42)
        self.assertEqual(daemon.stop(), 0)

    def test_hup_adds_and_removes_models(self):
        self.put(1)
        self.put(5, 2, "other")
        text = f"models: [{{folder: {self.folder}}}%s]"
        daemon = self.start(**self.config(text % ""))
        self.config(text % f", {{folder: {self.path}/other}}")
        self.hup(daemon)
        until(lambda: daemon.version_of(model="other") == 5, "the other model")
        self.config(text % "")
        self.hup(daemon)
        until(lambda: daemon.version_of(model="other") == 404, "the other model gone")
        self.assertEqual(daemon.version_of(), 1)
        self.assertNotIn('model="other"', daemon.request("GET", "/metrics")[2].decode())
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
