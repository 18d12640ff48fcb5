"""The widgets in a real browser: JupyterLab in headless Chromium.

The sliders are moved by keyboard and mouse, and nothing may be wider than the page.
"""

import json
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
import widget_notebook

ROOT = Path(__file__).parent.parent
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
SCREENSHOTS = ROOT / "build" / "screenshots"
playwright = pytest.importorskip(
    "playwright.sync_api", reason="no Playwright; pip install playwright"
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium; on Debian or Ubuntu: apt install chromium"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over the notebooks, without their outputs.

    So what appears was made there.
    """
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        nbformat.write(notebook, folder / "notebooks" / path.name)
    widget_notebook.write(folder / "notebooks" / "widgets.ipynb")
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_code_cell(source)
                for source in (
                    "from helpers.lesson import predictions",
                    "guess = predictions.number('How much?')\nguess",
                    "which = predictions.choice('Which?', ['early', 'late'])\nwhich",
                )
            ],
            metadata={
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
            },
        ),
        folder / "notebooks" / "predictions.ipynb",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PRUNING_PROFILE", "HUB_MIRROR")
    }
    environment["JUPYTER_CONFIG_DIR"] = str(folder / "config")
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    settings = {
        # else cells out of view are not drawn
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false"},
    }
    for name, values in settings.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--port={port}",
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={folder / 'notebooks'}",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
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
        server.wait(120)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def run_all(browser, lab, name, widgets):
    """Open a notebook, run it, and wait for its widgets."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(f"{lab}/lab/tree/{name}.ipynb?reset", timeout=90_000)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.get_by_text("(ipykernel) | Idle").wait_for(
        timeout=90_000
    )  # before that, Run asks which kernel to start
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    boxes = page.locator(".jp-OutputArea-output .widget-vbox:not(.widget-vbox .widget-vbox)")
    failed = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    for _ in range(800):  # minutes, where others want the cores as well
        if boxes.count() >= widgets or failed.count():
            break
        time.sleep(0.5)
    page.screenshot(path=SCREENSHOTS / f"{name}_run.png")
    assert boxes.count() >= widgets, (
        f"{name} shows {boxes.count()} widgets; {failed.all_inner_texts()}"
    )
    idle, calm = page.get_by_text("(ipykernel) | Idle"), 0
    for _ in range(3_000):  # between two cells a kernel is idle for a moment
        calm = calm + 1 if idle.is_visible() else 0
        if calm == 15:
            break
        time.sleep(0.2)
    assert calm == 15, f"{name} is still busy"
    return page, boxes


def failures(page):
    """What went wrong on the page, as it says."""
    error = "[data-mime-type='application/vnd.jupyter.error']"
    return page.locator(f"{error}, .jp-mod-error").all_inner_texts()


def cut_off(page, boxes):
    """What of the widgets is wider than its place, or squeezed, in words."""
    return page.evaluate(
        """boxes => boxes.flatMap((box, number) => {
            const said = [];
            for (const part of [box, ...box.querySelectorAll(".widget-vbox, .widget-html, p")])
                if (part.scrollWidth > part.clientWidth + 1)
                    said.push(`${number}: ${part.className} needs ${part.scrollWidth} pixels, `
                        + `has ${part.clientWidth}`);
            for (const img of box.querySelectorAll("img")) {
                const drawn = img.naturalWidth / img.naturalHeight;
                if (Math.abs(img.clientWidth / img.clientHeight / drawn - 1) > 0.02)
                    said.push(`${number}: the figure is squeezed to `
                        + `${img.clientWidth} x ${img.clientHeight} pixels`);
            }
            return said;
        })""",
        boxes.element_handles(),
    )


def state(box):
    """What a reader sees: the sentences and the figure."""
    image = box.locator("img")
    return box.locator(".widget-html").all_inner_texts(), image.first.get_attribute(
        "src"
    ) if image.count() else None


def changed(box, before):
    for _ in range(300):  # on a busy machine a figure may take seconds
        if state(box) != before:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name, widgets", [("01_magnitude_pruning", 1), ("03_inside_bert", 2)])
def test_sliders_answer_to_keyboard_and_mouse(browser, lab, name, widgets):
    page, boxes = run_all(browser, lab, name, widgets)
    box = boxes.filter(
        has=page.locator("select")
    ).first  # not a prediction, which stands before it in 03
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
    assert failures(page) == []
    page.close()


def exercise(page, box):
    """Move each control of a widget with keyboard or mouse; what is seen must change.

    Returns how many were moved.
    """
    moved, handles = 0, box.locator(".noUi-handle").all()
    for handle in handles:
        before = state(box)
        handle.focus()
        at, low, high = (
            float(handle.get_attribute(f"aria-value{end}")) for end in ("now", "min", "max")
        )
        for key in ("ArrowLeft", "ArrowRight") if at >= high else ("ArrowRight", "ArrowLeft"):
            for _ in range(4):
                page.keyboard.press(key)
            if changed(box, before):
                break
        else:
            raise AssertionError("the keyboard moves nothing")
        before = state(box)
        handle.scroll_into_view_if_needed()
        track = handle.locator(
            "xpath=ancestor::div[contains(@class, 'noUi-target')]"
        ).bounding_box()
        for share in (0.75, 0.25):
            page.mouse.click(track["x"] + share * track["width"], track["y"] + track["height"] / 2)
            if changed(box, before):
                break
        else:
            raise AssertionError("the mouse moves nothing")
        if len(handles) > 1:  # back, so that the others still have something to change
            page.wait_for_timeout(600)  # a slider takes no click while it glides
            page.mouse.click(
                track["x"] + (at - low) / (high - low) * track["width"],
                track["y"] + track["height"] / 2,
            )
            page.wait_for_timeout(600)
        moved += 1
    for menu in box.locator("select:not([multiple])").all():
        before = state(box)
        values = menu.locator("option").count()
        for index in (1, values - 1, 0):
            menu.select_option(index=index)
            if changed(box, before):
                break
        else:
            raise AssertionError(f"the menu {menu.inner_text()!r} changes nothing")
        moved += 1
    for menu in box.locator("select[multiple]").all():
        before = state(box)
        menu.select_option(index=0 if menu.locator("option:checked").count() > 1 else [0, 1])
        assert changed(box, before), "the list changes nothing"
        moved += 1
    for tick in box.locator("input[type=checkbox]").all():
        before = state(box)
        tick.click()
        assert changed(box, before), "the tick changes nothing"
        moved += 1
    return moved


def test_every_widget_of_the_course(browser, lab):
    found = widget_notebook.cells()
    assert len({name for _, name, _ in found}) == 8
    page, boxes = run_all(browser, lab, "widgets", widgets=len(found))
    assert boxes.count() == len(found)
    assert cut_off(page, boxes) == []
    for number, (notebook, name, _) in enumerate(found):
        box = boxes.nth(number)
        box.scroll_into_view_if_needed()
        box.screenshot(path=SCREENSHOTS / f"{notebook}_{name}_before.png")
        try:
            assert exercise(page, box) >= 1
        except AssertionError as error:
            raise AssertionError(f"{name} of {notebook}: {error}") from error
        finally:
            box.screenshot(path=SCREENSHOTS / f"{notebook}_{name}_after.png")
    assert failures(page) == []
    warnings = ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
    assert page.locator(warnings).all_inner_texts() == []
    page.set_viewport_size({"width": 1024, "height": 900})
    page.wait_for_timeout(1000)
    for number, (notebook, name, _) in enumerate(found):
        boxes.nth(number).screenshot(path=SCREENSHOTS / f"{notebook}_{name}_narrow.png")
    assert cut_off(page, boxes) == []
    page.close()


def test_predictions_are_committed_to(browser, lab):
    page, boxes = run_all(browser, lab, "predictions", widgets=2)
    number, choice = boxes.nth(0), boxes.nth(1)
    number.locator(".noUi-handle").focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    number.get_by_role("button", name="Commit").click()
    number.get_by_text("You say 30%").wait_for(timeout=10_000)
    choice.get_by_role("button", name="Commit").click()
    choice.get_by_text("Choose an answer first").wait_for(timeout=10_000)
    choice.get_by_label("late").click()
    choice.get_by_role("button", name="Commit").click()
    choice.get_by_text("You say late").wait_for(timeout=10_000)
    page.screenshot(path=SCREENSHOTS / "predictions.png")
    page.close()
