"""Models, versions and labels of the real daemon: what is loaded, what serves, and what keeps the old one."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import unittest

import ctrdtest
from ctrdtest import body_of, make_model, until
from ctrtest import bits, run, scores
from modelstest import LOADS, Models

STATE = 'ctrd_model_state{{model="{}",version="{}",state="{}"}}'


class Choice(Models):
    def test_models_versions_and_labels(self):
        for version in (1, 2, 3):
            self.put(version, 1 + version % 2, "ctr")
            self.put(version * 10, 1, "cvr")
        daemon = self.start(**self.config(
            f"models:\n"
            f"  - {{name: ctr, folder: {self.path}/ctr, keep: 2, labels: {{canary: latest, stable: 2, old: 1}}}}\n"
            f"  - {{folder: {self.path}/cvr, versions: [10, 20]}}\n"))
        self.assertEqual(self.states(daemon, "ctr"), ({3: "resident", 2: "serving", 1: "resident"},
                                                      {"canary": "3", "stable": "2", "old": "1"}))
        self.assertEqual(self.states(daemon, "cvr"), ({20: "serving", 10: "resident"}, {}))
        asked = {"canary": 3, "stable": 2, "old": 1, 3: 3, "3": 3, 2: 2, "1": 1, 4: 404, "none": 404, "42": 404}
        for version, wanted in asked.items():
            self.assertEqual(daemon.version_of(model="ctr", version=version), wanted, version)
        self.assertEqual(daemon.version_of(model="ctr"), 2)  # stable says what serves
        self.assertEqual(daemon.version_of(model="cvr"), 20)
        self.assertEqual(daemon.version_of(model="cvr", version=30), 404)  # in the folder, not asked for
        for version in (0, "0", -1, 1.5, True, [], {}):
            self.assertEqual(daemon.version_of(model="ctr", version=version), 400, version)
        for version in ("", "../1", "1/2", "3 ", "a" * 65, "a" * 5000, 1 << 70):
            self.assertEqual(daemon.version_of(model="ctr", version=version), 404, version)
        self.assertEqual(daemon.version_of(), 400)  # two models: which?
        self.assertEqual(daemon.version_of(model="nope"), 404)
        self.assertEqual(daemon.stop(), 0)

    def test_admin_load_rollback_and_label(self):
        self.put(1)
        daemon = self.start()
        self.put(2, 2)
        self.assertEqual(daemon.version_of(), 1)
        load = ("POST", "/v1/models/demo/load")
        rollback = ("POST", "/v1/models/demo/rollback")
        label = ("POST", "/v1/models/demo/label")
        self.assertEqual(daemon.admin(*load), (200, {"model": "demo", "version": "2"}))
        self.assertEqual(daemon.version_of(), 2)
        self.assertEqual(daemon.admin(*rollback, {}), (200, {"model": "demo", "version": "1"}))
        self.assertEqual(daemon.admin(*rollback, {})[0], 400)  # somebody else has seen it too
        self.assertEqual(daemon.version_of(), 1)
        self.assertEqual(daemon.admin(*label, {"label": "canary", "version": "2"})[0], 200)
        self.assertEqual(daemon.version_of(version="canary"), 2)
        self.assertEqual(daemon.admin(*label, {"label": "canary", "version": 1})[0], 200)
        self.assertEqual(daemon.version_of(version="canary"), 1)
        self.assertEqual(daemon.metrics()['ctrd_model_label{model="demo",version="1",label="canary"}'], 1)
        self.assertEqual(daemon.admin(*label, {"label": "canary", "version": None}), (200, {"model": "demo", "version": "1"}))
        self.assertEqual(daemon.rank(body_of(1, version="canary"))[0], 404)
        self.assertEqual(daemon.admin(*label, {"label": "canary", "version": None})[0], 404)
        # What is not there or not asked for in the right way changes nothing.
        for request, body, status in ((load, {"version": 9}, 404), (rollback, {"version": 9}, 404),
                                      (label, {"label": "x", "version": 9}, 404), (label, {}, 400),
                                      (label, {"label": "9x", "version": 1}, 400), (label, {"label": "x"}, 400),
                                      (load, {"version": None}, 400), (load, {"path": "/tmp"}, 400),
                                      (load, {"version": "../1"}, 400), (load, [], 400), (load, {"version": 0}, 400)):
            got, reply = daemon.admin(*request, body)
            self.assertEqual((got, list(reply)), (status, ["error"]), (request, body, reply))
        self.assertEqual(daemon.admin("POST", "/v1/models/nope/load")[0], 404)
        self.assertEqual(daemon.version_of(), 1)
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(self.socket.exists())

    def test_rollback_holds(self):
        self.put(1)
        self.put(2, 2)
        daemon = self.start(**self.config(f"models: [{{folder: {self.folder}, keep: 2}}]\nmodel: {{watch: true}}\n"))
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/rollback", {"version": 1})[0], 200)
        self.assertEqual(daemon.metrics()['ctrd_model_held{model="demo"}'], 1)
        self.put(3)
        until(lambda: daemon.metrics().get(STATE.format("demo", 3, "resident")) == 1, "version 3 resident")
        self.hup(daemon)
        self.assertEqual((daemon.version_of(), daemon.version_of(version=3)), (1, 3))
        self.assertNotIn("model serves model=demo version=3", daemon.stderr())
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/load"), (200, {"model": "demo", "version": "3"}))
        self.assertEqual(daemon.version_of(), 3)
        daemon.wait_for_log("model serves model=demo version=3 before=1")  # nothing was loaded
        self.assertEqual(daemon.metrics()['ctrd_model_held{model="demo"}'], 0)
        self.assertEqual(daemon.stop(), 0)


class Stable(Models):
    def test_what_is_to_be_stable_serves_or_nothing_does(self):
        """A pin that cannot be kept is no leave to serve the newest."""
        for version in (1, 2, 3):
            self.put(version)
        text = f"models: [{{folder: {self.folder}, labels: {{stable: %s}}}}]\n"
        config = self.config(text % 1)
        daemon = self.start("model.watch=true", **config)
        self.assertEqual(daemon.version_of(), 1)
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/rollback", {})[0], 400)  # to what never served
        self.config(text % 9)
        self.hup(daemon)
        self.assertRegex(daemon.stderr(), "configuration refused.*no version 9, which is to be stable")
        self.assertEqual(daemon.version_of(), 1)
        for version in (2, 5):
            self.put(version, folder="moved")
        (self.path / "moved/2/student.safetensors").write_bytes(b"no model" * 100)
        self.config(f"models: [{{name: demo, folder: {self.path}/moved, labels: {{stable: 2}}}}]\n")
        self.hup(daemon)
        self.assertEqual((daemon.version_of(), daemon.version_of(version=5)), (1, 404))
        shutil.copyfile(self.students[0], self.path / "moved/2/student.safetensors")  # in place, and not the newest
        until(lambda: daemon.version_of() == 2, "the mended version")
        self.assertEqual(daemon.stop(), 0)
        (self.folder / "2/student.safetensors").write_bytes(b"no model" * 100)
        daemon = self.start(**self.config(f"models: [{{folder: {self.folder}, versions: [2], labels: {{stable: 3}}}}]\n"))
        self.assertEqual(daemon.version_of(), 3)  # though nothing is left of the policy
        self.assertEqual(daemon.stop(), 0)
        for version, check in ((9, 78), (2, 0)):
            self.config(text % version)
            for flags, code, words in ((["--check-config"], check, "no version"), ([], 78, "no valid version")):
                ended = subprocess.run([ctrdtest.CTRD, "--set", "http.port=0", *flags, *config["flags"]], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(ended.returncode, code, ended.stderr)
                if code != 0:
                    self.assertIn(f"{words} {version}, which is to be stable", ended.stderr)


class Reload(Models):
    def test_hup_finds_new_versions(self):
        self.put(1)
        daemon = self.start()
        self.put(2, 2)
        self.hup(daemon)
        until(lambda: daemon.version_of() == 2, "version 2")
        self.assertEqual(daemon.stop(), 0)

    def test_watch_finds_new_versions(self):
        self.put(1)
        daemon = self.start("model.watch=true")
        self.put(2, 2)
        until(lambda: daemon.version_of() == 2, "version 2")
        # Copied piece by piece: it is looked at when the file is closed.
        os.mkdir(self.folder / "3")
        data = pathlib.Path(self.students[0]).read_bytes()
        with open(self.folder / "3/student.safetensors", "wb") as file:
            for at in range(0, len(data), 1000):
                file.write(data[at:at + 1000])
                file.flush()
                self.assertEqual(daemon.version_of(), 2)
        until(lambda: daemon.version_of() == 3, "version 3")
        self.assertEqual(daemon.stop(), 0)

    def test_what_is_wrong_with_a_version_is_told(self):
        self.put(1)
        daemon = self.start()
        os.mkdir(self.folder / "2")
        (self.folder / "2/student.safetensors").write_bytes(b"no model" * 100)
        for wish in ({}, {"version": 2}):
            status, reply = daemon.admin("POST", "/v1/models/demo/load", wish)
            self.assertEqual(status, 500, reply)
            self.assertRegex(reply["error"], r"^version 2: \S+ .*\S$")
            self.assertNotIn(str(self.path), reply["error"])
        for wish, words in (({"verison": 1}, "verison: unknown member"), ({"version": "01"}, "version: expected a whole number")):
            status, reply = daemon.admin("POST", "/v1/models/demo/load", wish)
            self.assertEqual(status, 400, reply)
            self.assertIn(words, reply["error"])
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/load", {"version": 3})[0], 404)
        self.assertEqual(self.states(daemon)[0], {1: "serving", 2: "failed"})  # there is no 3 to have failed
        self.assertEqual(daemon.version_of(), 1)
        self.assertEqual(daemon.stop(), 0)

    def test_rescan_finds_new_versions(self):
        self.put(1)
        daemon = self.start("model.rescan_s=1")
        self.put(2, 2)
        until(lambda: daemon.version_of() == 2, "version 2")
        self.assertEqual(daemon.stop(), 0)


class Refused(Models):
    def bad_files(self):
        """{what: bytes} that no student is."""
        good = pathlib.Path(self.students[1]).read_bytes()
        flipped = bytearray(good)
        flipped[-100] ^= 1
        made = {"empty": b"", "truncated": good[:-1], "flipped": bytes(flipped), "noise": b"\xff" * 5000}
        for number, role in enumerate(("teacher", "widened", "disguised"), 7):
            made[role] = pathlib.Path(make_model(self.path / "bad", number, role=role)).read_bytes()
        return made

    def test_a_bad_version_keeps_the_old_one(self):
        self.put(1)
        daemon = self.start()
        failed = 0
        for number, (what, data) in enumerate(self.bad_files().items(), 2):
            with self.subTest(what=what):
                os.makedirs(self.folder / str(number))
                (self.folder / str(number) / "student.safetensors").write_bytes(data)
                self.hup(daemon)
                failed += 1
                until(lambda wanted=failed: daemon.metrics()[LOADS.format("demo", "failed")] == wanted, "a failed load")
                self.assertRegex(daemon.stderr(), rf"model version refused.*version={number} .*reason=")
                self.assertEqual(daemon.version_of(), 1)
                status, reply = daemon.admin("POST", "/v1/models/demo/load")
                self.assertEqual(status, 500, reply)
                self.assertNotIn("/", reply["error"])
                failed += 1
                self.assertEqual(self.states(daemon)[0][number], "failed")
                self.assertEqual(daemon.metrics()[STATE.format("demo", number, "failed")], 1)
        # It is not read again and again, until it is another file.
        self.hup(daemon)
        status, reply = daemon.admin("POST", "/v1/models/demo/load", {"version": 1})
        self.assertEqual((status, reply), (200, {"model": "demo", "version": "1"}))
        self.assertEqual(daemon.metrics()[LOADS.format("demo", "failed")], failed)
        os.replace(self.students[1], self.folder / str(number) / "student.safetensors")
        self.hup(daemon)
        until(lambda: daemon.version_of() == number, "the mended version")
        shutil.rmtree(self.folder / "2")
        self.hup(daemon)
        self.assertNotIn(2, self.states(daemon)[0])  # what is gone is not told for ever
        self.assertNotIn(STATE.format("demo", 2, "failed"), daemon.metrics())
        self.assertEqual(daemon.stop(), 0)

    def sha(self, daemon, version):
        entry, = daemon.admin("GET", "/v1/models")[1]["models"]
        return next(found["sha256_12"] for found in entry["versions"] if found["version"] == str(version) and found["state"] != "failed")

    def swap(self, version, data):
        """Another file takes the place of that of a version."""
        (self.path / "new").write_bytes(data)
        os.replace(self.path / "new", self.folder / str(version) / "student.safetensors")

    def test_a_number_that_comes_back_is_another_model(self):
        self.put(1)
        self.put(2, 2)
        daemon = self.start()
        load = ("POST", "/v1/models/demo/load")
        bad = self.sha(daemon, 2)
        shutil.rmtree(self.folder / "2")
        self.assertEqual(daemon.admin(*load), (200, {"model": "demo", "version": "1"}))
        good = self.sha(daemon, 1)
        self.assertNotEqual(bad, good)
        self.put(2)
        self.assertEqual(daemon.admin(*load), (200, {"model": "demo", "version": "2"}))
        self.assertEqual((daemon.version_of(), self.sha(daemon, 2)), (2, good))
        self.assertEqual(daemon.stop(), 0)

    def test_what_was_in_use_is_read_when_it_is_not(self):
        self.put(1)
        self.put(2)
        daemon = self.start(**self.config(f"models: [{{folder: {self.folder}, keep: 2}}]\n"))
        old = self.sha(daemon, 2)
        self.swap(2, pathlib.Path(self.students[1]).read_bytes())
        self.hup(daemon)
        self.assertEqual((self.states(daemon)[0][1], self.sha(daemon, 2)), ("resident", old))
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/rollback", {"version": 1})[0], 200)
        self.hup(daemon)
        self.assertNotEqual(self.sha(daemon, 2), old)
        self.assertEqual((self.states(daemon)[0], daemon.version_of()), ({1: "serving", 2: "resident"}, 1))
        self.assertEqual(daemon.stop(), 0)

    def test_what_serves_stays_what_it_is(self):
        self.put(1)
        self.put(2, 2)
        daemon = self.start()
        load = ("POST", "/v1/models/demo/load")
        old, failed = self.sha(daemon, 2), 0
        other, same = (pathlib.Path(student).read_bytes() for student in self.students)
        for data, code, words in ((other, 400, "publish under another number"), (same[:-1], 500, "damaged"), (b"", 500, "")):
            self.swap(2, data)
            status, reply = daemon.admin(*load)
            self.assertEqual(status, code)
            self.assertIn(words, reply["error"])
            failed += 1
            self.hup(daemon)  # looks, and does not read it again
            self.assertEqual((daemon.version_of(), self.sha(daemon, 2)), (2, old))
            self.assertEqual(daemon.metrics()[LOADS.format("demo", "failed")], failed)
        loads = daemon.metrics()[LOADS.format("demo", "ok")]
        self.swap(2, same)  # copied anew
        self.assertEqual(daemon.admin(*load), (200, {"model": "demo", "version": "2"}))
        self.assertEqual((daemon.version_of(), self.sha(daemon, 2)), (2, old))
        self.assertEqual(daemon.metrics()[LOADS.format("demo", "ok")], loads)
        self.assertEqual(self.states(daemon)[0], {2: "serving"})
        self.assertEqual(daemon.stop(), 0)

    def test_a_version_that_vanishes_goes_on(self):
        self.put(1)
        daemon = self.start()
        os.remove(self.folder / "1/student.safetensors")
        os.rmdir(self.folder / "1")
        self.hup(daemon)
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/load")[0], 404)
        self.assertEqual(daemon.version_of(), 1)
        self.assertEqual(daemon.stop(), 0)


class Swaps(Models):
    SWAPS = 200
    hidden = "256,128"  # 200 of them are 27 MB and more

    def oracle(self):
        """{seed: {id: pctr bits}} of body_of(30), by `ctr score`."""
        request = json.loads(body_of(30))
        for candidate in request["candidates"]:
            candidate["label"] = 0
        (self.path / "data.jsonl").write_text(json.dumps({"id": "1", **request}) + "\n")
        found = {}
        for seed in (1, 2):
            run("score", self.students[seed - 1], "--data", self.path / "data.jsonl", "--out", self.path / "scores")
            found[seed] = {f"a{doc}": bits(pctr) for _, doc, _, pctr in scores(self.path / "scores")}
        return found

    def client(self, daemon, wanted, stop, number, counts, faults):
        """Ranks until told to end; version V is of seed 1 + V % 2."""
        connection = daemon.connect()
        try:
            while not stop.is_set():
                connection.request("POST", "/v1/rank", body_of(30))
                reply = connection.getresponse()
                text = reply.read()
                if reply.status != 200:
                    faults.append((reply.status, text))
                    return
                answer = json.loads(text)
                got = {place["id"]: bits(place["pctr"]) for place in answer["ranked"]}
                if got != wanted[1 + int(answer["version"]) % 2]:
                    faults.append(answer["version"])
                counts[number] += 1
        except Exception as fault:  # whatever it is, it is told
            faults.append(repr(fault))
        finally:
            connection.close()

    def swap(self, daemon, version):
        """Makes a version serve; every fourth time a corrupt one is tried before."""
        if version % 4 == 0:
            os.makedirs(self.folder / str(version))
            (self.folder / str(version) / "student.safetensors").write_bytes(b"\0" * 4096)
            self.assertEqual(daemon.admin("POST", "/v1/models/demo/load", {"version": version})[0], 500)
            self.assertEqual(daemon.request("GET", "/readyz")[0], 200)
            os.remove(self.folder / str(version) / "student.safetensors")
            os.rmdir(self.folder / str(version))
        self.put(version, 1 + version % 2)
        status, reply = daemon.admin("POST", "/v1/models/demo/load")
        self.assertEqual((status, reply), (200, {"model": "demo", "version": str(version)}))
        self.assertEqual(daemon.request("GET", "/readyz")[0], 200)

    def test_swaps_under_load_fail_nothing_and_grow_nothing(self):
        wanted = self.oracle()
        self.assertNotEqual(wanted[1], wanted[2])
        self.put(1, 2)
        daemon = self.start()
        stop, counts, faults = threading.Event(), [0] * 3, []
        threads = [threading.Thread(target=self.client, args=(daemon, wanted, stop, number, counts, faults)) for number in range(3)]
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: [thread.join(60) for thread in threads])
            stack.callback(stop.set)
            for thread in threads:
                thread.start()
            for version in range(2, 22):  # so that what grows once has grown
                self.swap(daemon, version)
            self.sizes(daemon)  # the first scrape is a sample of the second
            before = self.sizes(daemon)
            for version in range(22, 22 + self.SWAPS):
                self.swap(daemon, version)
                if version % 20 == 0:
                    had = list(counts)
                    until(lambda had=had: faults or all(now > then for now, then in zip(counts, had)), "load")
            until(lambda: self.sizes(daemon)["files"] <= before["files"], "no more open files than before")
            after = self.sizes(daemon)
        self.assertEqual(faults, [])
        self.assertEqual(after["names"] - before["names"], set())
        self.assertEqual(after["samples"], before["samples"])
        if not ctrdtest.SANITIZED:
            self.assertLess(after["rss_kb"], before["rss_kb"] + 12_000)
        self.assertEqual(daemon.metrics()[LOADS.format("demo", "ok")], 21 + self.SWAPS)
        self.assertEqual(daemon.stop(), 0)

    def watches(self, daemon):
        """How many folders the kernel watches for it."""
        home = pathlib.Path(f"/proc/{daemon.process.pid}")
        found = 0
        for file in (home / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(file) == "anon_inode:inotify":
                    found += (home / "fdinfo" / file.name).read_text().count("inotify wd:")
        return found

    def test_watched_folders_are_let_go(self):
        self.put(1)
        self.put(2, 2)
        daemon = self.start("model.watch=true")
        before = self.watches(daemon)
        self.assertGreater(before, 0)
        for version in range(3, 33):
            self.put(version, 1 + version % 2)
            until(lambda version=version: daemon.version_of() == version, "it serves")
            if version % 2 == 0:
                shutil.rmtree(self.folder / str(version - 1))
        until(lambda: self.watches(daemon) <= before, "no more watched than before")
        self.assertEqual(daemon.stop(), 0)

    def sizes(self, daemon):
        samples = {re.sub(r'(version|sha256_12)="[^"]*"', "", name) for name in daemon.metrics()}
        rss = next(line for line in daemon.proc("status").splitlines() if line.startswith("VmRSS"))
        return {"samples": len(daemon.metrics()), "names": samples,
                "files": daemon.open_files(), "rss_kb": int(rss.split()[1])}


if __name__ == "__main__":
    unittest.main()
