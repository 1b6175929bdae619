"""What every page is held to, in both colour schemes and on a phone."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PHONE = ViewportSize(width=360, height=740)


def assert_accessible(page: Page) -> None:
    """WCAG 2.2 AA as far as axe-core can tell, light and dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page, options=RULES)
        assert not found.violations_count, f"{page.url}, {scheme}:\n{found.generate_report()}"


def assert_fits_a_phone(page: Page) -> None:
    """Nothing has to be scrolled sideways but tables within their own region; accessible there, too."""
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{page.url} is {width} px wide"
    assert_accessible(page)
