"""What the documents say is what the programs do: generated pages are current, commands of the README exist."""
import re
import subprocess
import unittest

import ctrtest
from ctrtest import BUILD, SOURCE, run


class Docs(unittest.TestCase):
    def test_generated_pages_are_current(self):
        done = subprocess.run([SOURCE / "scripts/docs", "--check", BUILD], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_files_that_documents_name_exist(self):
        for page in (SOURCE / "README.md", *(SOURCE / "docs").rglob("*.md")):
            for name in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / name).exists(), f"{page.name}: {name}")
            for name in re.findall(r"`((?:base|proto|model|server|scripts|docs|tests)/[\w./-]+)`", page.read_text()):
                self.assertTrue((SOURCE / name.rstrip("/")).exists(), f"{page.name}: {name}")

    def test_every_key_of_a_feature_is_documented(self):
        page = (SOURCE / "docs/features.md").read_text()
        of_manifests = {"columns", "mean", "scale"}
        keys = set(re.findall(r'\{"(\w+)", OF_', (SOURCE / "model/schema_read.c").read_text())) - of_manifests
        self.assertGreater(len(keys), 15)
        for key in keys | {"log1p", "standardise", "loo_mean", "share", "page_size", "position", "identity", "vocab"}:
            self.assertIn(f"`{key}`", page)

    def test_the_configurations_of_the_documents_are_the_same(self):
        """README walks through what quickstart does."""
        made = [re.search(r"<<YAML\n(.*?)\nYAML", (SOURCE / name).read_text(), re.S)[1].splitlines()
                for name in ("README.md", "scripts/quickstart")]
        self.assertEqual(*([line for line in lines if not line.lstrip().startswith("#")] for lines in made))

    def test_commands_of_the_readme_are_known(self):
        text = (SOURCE / "README.md").read_text()
        for name in set(re.findall(r"^ctr (\w+)", text, re.M)):
            run(name, "--help")
        known, _ = run("train", "--options")
        for key in re.findall(r"--set ([\w.]+)=", text):
            ctrd = subprocess.run([BUILD / "ctrd", "--help"], capture_output=True, text=True, check=True).stdout
            self.assertTrue(f"{key}=" in known or f"{key}" in ctrd, key)


if __name__ == "__main__":
    ctrtest.main()
