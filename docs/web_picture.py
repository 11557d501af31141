"""A picture of a page for the README: `IRONHULL_HOME=… python docs/web_picture.py [NAME:TAG]`.

Exports the pages of the home's store, opens one in Chromium and writes docs/web.png.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from ironhull.workspace.workspace import Workspace

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).with_name("web.png")


def main() -> None:
    name, _, tag = (sys.argv[1] if len(sys.argv) > 1 else "node:20").partition(":")
    chromium = os.environ.get("CHROMIUM") or "chromium"
    with tempfile.TemporaryDirectory() as folder:
        home = os.environ["IRONHULL_HOME"]
        Workspace.open(home=home, images=ROOT / "images").export_catalog(folder)
        page = Path(folder, "images", name, "-", tag, "index.html")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            opened = browser.new_page(viewport={"width": 1200, "height": 900})
            opened.goto(page.as_uri())
            opened.screenshot(path=str(TARGET))
            browser.close()


if __name__ == "__main__":
    main()
