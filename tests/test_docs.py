"""The texts for people: their sizes, links, commands and code samples, and that the generated page is current."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml

from benchmark import cli, config
from benchmark.__main__ import COMMANDS, manual
from benchmark.reporting import accepted
from datasets.pairs import Pairs
from methods.interface import Method

ROOT = Path(__file__).parents[1]
README_WORDS = 900  # at most
WORDS = {  # within a fifth
    "findings": 1500,
    "statistics": 700,
    "protocol": 800,
    "data": 700,
    "challenge": 350,
    "your-method": 700,
    "training": 700,
    "model-zoo": 300,
    "upscale": 250,
    "reproducibility": 400,
    "glossary": 250,
    "structure-guidance": 700,
}
OF_PROJECT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = [ROOT / name for name in OF_PROJECT] + sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("methods/*/README.md")])
MODULE = r"-m benchmark\.\w+"  # commands are `python -m benchmark COMMAND`
REMOVED = r"benchmark[. ](?:run_all|store|repro|replay|speeds|align_stn0|release|accept|costs|foreign)\b"
MACHINE = r"(?<![\w.~])/(?:work|home|root|tmp|mnt|Users)/"


every_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def words(page: Path) -> int:
    """Words with a letter or a digit, code and tables included."""
    text = re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code of a language; "" for that without one."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Names of a page's headings, as links have them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_has_its_size() -> None:
    assert words(ROOT / "README.md") <= README_WORDS
    sizes = {path.stem: words(path) for path in ROOT.glob("docs/*.md") if path.stem not in ("architecture", "cli")}
    assert sizes == {name: pytest.approx(size, rel=0.2) for name, size in WORDS.items()}


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{target}: no such file"
        assert file.resolve().is_relative_to(ROOT), f"{target}: outside the project"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


@every_page
def test_commands_are_those_of_today(page: Path) -> None:
    code = "".join(blocks(page, ""))
    for arguments in re.findall(r"python -m benchmark ([^;&|\n]*)", code):
        call = shlex.split(arguments, comments=True)
        if call and call[0] in COMMANDS:
            cli.module_of(call[0]).parser().parse_args(call[1:])
        else:
            assert call in (["COMMAND"], ["--manual"]), f"python -m benchmark {arguments}"


@every_page
@pytest.mark.parametrize("pattern", [MODULE, REMOVED, MACHINE])
def test_no_page_names_what_is_not_there(pattern: str, page: Path) -> None:
    assert re.findall(pattern, page.read_text()) == []


def test_list_of_commands_is_current() -> None:
    # Else run `python -m benchmark --manual > docs/cli.md`.
    assert (ROOT / "docs/cli.md").read_text() == manual()


def test_readme_says_which_experiments_have_results() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (yes|no)\b[^|]*\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == set(yaml.safe_load((ROOT / "params.yaml").read_text())["experiments"])
    assert sorted(name for name, results in rows if results == "yes") == accepted.experiments()


def test_readme_and_citation_name_the_same_paper() -> None:
    text, known = (ROOT / "README.md").read_text(), yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (paper,) = known["references"]
    for value in (paper["title"], paper["doi"], str(paper["year"]), f"version = {{{known['version']}}}"):
        assert value in text
    assert f'version = "{known["version"]}"' in (ROOT / "pyproject.toml").read_text()
    assert all(f"{a['family-names']}, {a['given-names']}" in text for a in paper["authors"])


def module_of(code: str) -> ModuleType:
    module = ModuleType("sample")
    exec(code, module.__dict__)
    return module


def test_skeleton_of_a_method_works(fit_briefly: Callable[..., Method], pairs: Pairs, tmp_path: Path) -> None:
    (code,) = [block for block in blocks(ROOT / "docs/your-method.md", "python") if "METHOD" in block]
    sample = module_of(code)
    method, stored = fit_briefly(sample.METHOD(sample.TINY)), sample.METHOD(sample.TINY)
    method.save(tmp_path)
    stored.load(tmp_path)
    lr = torch.rand(2, 3, 16, 16)
    sr = method.upscale(lr)
    assert (sr.shape, sr.dtype) == ((2, 3, 128, 128), torch.float32)
    torch.testing.assert_close(stored.upscale(lr), sr)


@pytest.mark.parametrize("page", ["README.md", "docs/model-zoo.md"])
def test_loading_a_network_from_python_works(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks(ROOT / page, "python")
    for link in (config.PARAMS, "methods"):
        (tmp_path / link).symlink_to(ROOT / link)
    stored = ROOT / "results/demo/pretrained/stn0"
    if not stored.is_dir():
        pytest.skip("the trained networks are not here; `make networks` brings them")
    shutil.copytree(stored, tmp_path / "results/demo/pretrained/stn0")
    monkeypatch.chdir(tmp_path)
    # The released network is not in git; bicubic interpolation with the demo's STN_0 takes the same path.
    (tmp_path / "results/standin-cpu").symlink_to(ROOT / "results/standin-cpu")
    sample = module_of(code.replace('"standin-cpu/ours"', '"demo/bicubic"'))
    assert (sample.sr.shape, sample.sr.dtype) == ((1, 128, 128, 3), np.uint8)


def test_the_container_builds_and_runs_what_the_makefile_has() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    targets = [line.split()[2] for line in lines if line.startswith("RUN make")]
    (command,) = [json.loads(line.removeprefix("CMD")) for line in lines if line.startswith("CMD")]
    assert command == ["make", "repro"]
    for target in (*targets, *command[1:]):
        subprocess.run(["make", "--dry-run", target, "TORCH_INDEX="], cwd=ROOT, check=True, capture_output=True)
