"""What every page is held to, in both colour schemes and on a phone."""

from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page, ViewportSize

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# All that depends on colours; to ask the other rules in each scheme would only take its time.
SCHEMES: dict[Literal["light", "dark"], list[str]] = {"light": RULES, "dark": ["color-contrast"]}
PHONE = ViewportSize(width=360, height=740)


def assert_accessible(page: Page, *schemes: Literal["light", "dark"]) -> None:
    """WCAG 2.2 AA as far as axe-core can tell; in both schemes where none is named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for scheme in schemes or SCHEMES:
        rules = SCHEMES[scheme]
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        found = AxeResults(page.evaluate("options => axe.run(document, options)", options))
        assert not found.violations_count, f"{page.url}, {scheme}:\n{found.generate_report()}"


def assert_fits_a_phone(page: Page) -> None:
    """Nothing has to be scrolled sideways but tables within their own region; accessible there, too."""
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{page.url} is {width} px wide"
    # Its colours are those of a desk.
    assert_accessible(page, "light")
