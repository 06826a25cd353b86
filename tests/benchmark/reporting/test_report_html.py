"""report.html in a real headless Chromium: opens, sorts, picks, drags, overlays, by mouse and by keys, on a phone."""

import argparse
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import made_up
import pytest

from benchmark import config, report

pytestmark = pytest.mark.slow

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,900"
)
if CHROMIUM is None or DRIVER is None:
    pytest.skip("no chromium and chromedriver here (Debian: chromium, chromium-driver)", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402


@pytest.fixture(scope="module")
def page(made_up_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """report.html of the made-up experiment."""
    with made_up.copied(made_up_root, tmp_path_factory.mktemp("page") / "project"):
        report.main(argparse.Namespace(experiment=None))
        return (config.load().results / "report.html").resolve()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser with a fresh profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome, page: Path) -> Iterator[webdriver.Chrome]:
    """The page freshly opened; after the test its console must be empty."""
    chromium.get_log("browser")
    chromium.get(page.as_uri())
    yield chromium
    assert chromium.get_log("browser") == []


def column(browser: webdriver.Chrome, place: int) -> list[str]:
    """The cells of a column of the first table."""
    script = """return [...document.querySelector('table.sortable').tBodies[0].rows]
                .map(row => row.cells[arguments[0]].textContent)"""
    return browser.execute_script(script, place)


def centred(browser: webdriver.Chrome, element: WebElement) -> WebElement:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    return element


def checkbox(browser: webdriver.Chrome, name: str, value: str) -> None:
    """Click the label of a checkbox, as a reader would."""
    box = browser.find_element(By.CSS_SELECTOR, f"input[name={name}][value='{value}']")
    centred(browser, box.find_element(By.XPATH, "./..")).click()


def shown(browser: webdriver.Chrome) -> list[list[str]]:
    """Captions of the grid, row by row."""
    rows = browser.find_elements(By.CSS_SELECTOR, "#grid .row")
    return [[c.text for c in row.find_elements(By.TAG_NAME, "figcaption")] for row in rows]


def test_a_heading_sorts_by_number_both_ways_and_keeps_what_is_missing_last(browser: webdriver.Chrome) -> None:
    head = browser.find_elements(By.CSS_SELECTOR, "table.sortable th button")[4]
    before = sorted(column(browser, 0))
    for press, order in ((head.click, "descending"), (partial(head.send_keys, Keys.ENTER), "ascending")):
        press()
        values = column(browser, 4)
        numbers = [float(value.split()[0]) for value in values[:5]]
        assert numbers == sorted(numbers, reverse=order == "descending")
        assert set(values[5:]) == {"–"}
        assert head.find_element(By.XPATH, "./..").get_attribute("aria-sort") == order
        assert (column(browser, 0)[0] == "Ours") == (order == "descending")
        assert sorted(column(browser, 0)) == before


def test_best_and_second_are_marked(browser: webdriver.Chrome) -> None:
    for mark, method in (("best", "Ours"), ("second", "Ours†")):
        cell = browser.find_element(By.CSS_SELECTOR, f"table.sortable td.{mark}")
        assert cell.find_element(By.XPATH, "./../td[1]").text == method


def test_picking_faces_and_methods_fills_the_grid(browser: webdriver.Chrome) -> None:
    rows = shown(browser)
    assert [len(row) for row in rows] == [4, 4, 4]  # LR, bicubic, TDAE†, Ours
    assert re.fullmatch(r"Ours \d+\.\d\d dB", rows[0][-1])
    checkbox(browser, "method", "tdae_retrained")
    checkbox(browser, "face", "1")
    rows = shown(browser)
    assert [len(row) for row in rows] == [3] * 4
    assert not any("TDAE" in caption for row in rows for caption in row)


def test_dragging_and_arrow_keys_move_the_line_between_method_and_hr(browser: webdriver.Chrome) -> None:
    slider = browser.find_element(By.CSS_SELECTOR, "#grid input[type=range]")
    assert "face" in slider.get_attribute("aria-label")
    slider.send_keys(Keys.ARROW_LEFT * 3)
    assert slider.get_attribute("value") == "47"
    stage = centred(browser, slider.find_element(By.XPATH, "./.."))
    width = stage.size["width"]
    actions = ActionChains(browser).move_to_element(stage).click_and_hold()
    actions.move_by_offset(int(width * 0.3), 0).release().perform()
    place = float(browser.execute_script("return arguments[0].style.getPropertyValue('--x')", stage).rstrip("%"))
    assert 70 <= place <= 90
    line = stage.find_element(By.CSS_SELECTOR, ".line")
    assert (line.location["x"] - stage.location["x"]) / width == pytest.approx(place / 100, abs=0.03)
    assert f"{100 - place:g}%" in stage.find_element(By.CSS_SELECTOR, "img.left").value_of_css_property("clip-path")


def test_heatmaps_lie_over_the_faces_of_a_method_that_estimates_them(browser: webdriver.Chrome) -> None:
    assert not browser.find_elements(By.CSS_SELECTOR, ".heatmap")
    centred(browser, browser.find_element(By.ID, "overlay")).click()
    figures = browser.find_elements(By.CSS_SELECTOR, "#grid .row:first-child .cell")
    counts = {f.text.split()[0]: len(f.find_elements(By.CSS_SELECTOR, ".heatmap")) for f in figures}
    assert counts == {"LR": 0, "Bicubic": 1, "TDAE†": 1, "Ours": 2}


def test_claims_can_be_chosen_by_verdict(browser: webdriver.Chrome) -> None:
    def visible() -> dict[str, WebElement]:
        found = browser.find_elements(By.CSS_SELECTOR, ".claim:not([hidden])")
        return {claim.get_attribute("data-verdict"): claim for claim in found[::-1]}

    assert visible().keys() == {"confirmed", "undecided"}
    checkbox(browser, "verdict", "undecided")
    assert visible().keys() == {"confirmed"}
    visible()["confirmed"].find_element(By.TAG_NAME, "summary").click()
    assert "Ours over" in visible()["confirmed"].text


def test_every_picture_loads_and_nothing_is_asked_of_the_network(browser: webdriver.Chrome, page: Path) -> None:
    assert browser.execute_script("return document.images.length") > 10
    broken = "return [...document.images].filter(i => !(i.complete && i.naturalWidth)).length"
    assert browser.execute_script(broken) == 0
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page.read_text())


def test_a_phones_width_needs_no_sideways_scrolling(browser: webdriver.Chrome) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
        cell = browser.find_elements(By.CSS_SELECTOR, "#grid .cell")[1]
        assert cell.size["width"] >= 140
        assert float(browser.find_element(By.TAG_NAME, "body").value_of_css_property("font-size")[:-2]) >= 16
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_tab_reaches_headings_pickers_and_sliders(browser: webdriver.Chrome) -> None:
    # One radio or checkbox after another is a tab stop each, so that the walk ends at a slider of the grid.
    kinds = set()
    for _ in range(200):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        active = browser.switch_to.active_element
        kinds.add(active.get_attribute("type") or active.tag_name)
        if active.get_attribute("type") == "range":
            break
    assert {"a", "button", "checkbox", "summary", "range"} <= kinds
