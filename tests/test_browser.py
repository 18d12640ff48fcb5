"""The main widgets in a real browser: JupyterLab in headless Chromium, the sliders moved by keyboard and mouse."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = ROOT / "build" / "screenshots"
playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright; pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; on Debian or Ubuntu: apt install chromium")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over the notebooks without their outputs, so that what appears was made there."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(notebook, folder / "notebooks" / path.name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key not in ("PRUNING_PROFILE", "HUB_MIRROR")}
    environment["JUPYTER_CONFIG_DIR"] = str(folder / "config")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=",
         f"--ServerApp.root_dir={folder / 'notebooks'}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api/status", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield browser
        browser.close()


def run_all(browser, lab, name, widgets):
    """Open a notebook, run it, and wait for its widgets."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(f"{lab}/lab/tree/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=90_000)  # before that, Run asks which kernel to start
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    boxes = page.locator(".jp-OutputArea-output > .widget-vbox, .jp-OutputArea-output .jupyter-widgets.widget-vbox")
    page.mouse.move(700, 500)
    for _ in range(240):
        if boxes.count() >= widgets:
            break
        page.mouse.wheel(0, 600)  # cells far below are drawn only when they come into view
        time.sleep(0.5)
    page.screenshot(path=SCREENSHOTS / f"{name}_run.png")
    assert boxes.count() >= widgets, f"{name} shows {boxes.count()} widgets"
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=120_000)
    return page, boxes


def state(box):
    """What a reader sees: the sentence and the figure."""
    image = box.locator("img")
    return box.locator(".widget-html").last.inner_text(), image.first.get_attribute("src") if image.count() else None


def changed(box, before):
    for _ in range(50):
        if state(box) != before:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name, widgets", [("01_magnitude_pruning", 1), ("03_inside_bert", 2)])
def test_sliders_answer_to_keyboard_and_mouse(browser, lab, name, widgets):
    page, boxes = run_all(browser, lab, name, widgets)
    box = boxes.filter(has=page.locator("select")).first  # not a prediction, which stands before it in 03
    box.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / f"{name}_before.png")
    handle = box.locator(".noUi-handle").last
    before = state(box)
    handle.focus()
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    assert changed(box, before), "the keyboard moves nothing"
    time.sleep(1)
    page.screenshot(path=SCREENSHOTS / f"{name}_keyboard.png")
    before = state(box)
    track = box.locator(".noUi-target").last.bounding_box()
    page.mouse.click(track["x"] + 0.9 * track["width"], track["y"] + track["height"] / 2)
    assert changed(box, before), "the mouse moves nothing"
    menu = box.locator("select").first
    before = state(box)
    menu.select_option(index=2)
    assert changed(box, before), "the menu changes nothing"
    time.sleep(1)
    page.screenshot(path=SCREENSHOTS / f"{name}_mouse.png")
    assert page.locator(".jp-OutputArea-output [data-mime-type='application/vnd.jupyter.error'], .jp-mod-error").count() == 0
    page.close()
