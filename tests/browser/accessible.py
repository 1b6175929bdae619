"""What every page is held to, in both colour schemes and on a phone."""

from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page, ViewportSize

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# All that depends on colours; to ask the other rules in each scheme would only take its time.
SCHEMES: dict[Literal["light", "dark"], list[str]] = {"light": RULES, "dark": ["color-contrast"]}
PHONE = ViewportSize(width=360, height=740)


def assert_accessible(page: Page) -> None:
    """WCAG 2.2 AA as far as axe-core can tell, in both colour schemes."""
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        _assert_no_violation(page, scheme, {"runOnly": rules})


def _assert_no_violation(page: Page, where: str, options: dict[str, Any]) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # No rule asked for needs the style sheets' text, which axe would download again.
    options |= {"resultTypes": ["violations"], "preload": False}
    found = AxeResults(page.evaluate("options => axe.run(document, options)", options))
    assert not found.violations_count, f"{page.url}, {where}:\n{found.generate_report()}"


def assert_fits_a_phone(page: Page) -> None:
    """Nothing has to be scrolled sideways but tables within their own region; accessible there, too."""
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{page.url} is {width} px wide"
    # Its colours are those of a desk.
    _assert_no_violation(page, "on a phone", {"runOnly": RULES, "rules": {"color-contrast": {"enabled": False}}})
