"""Are the pages about areas well made, with few areas, many and none?"""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from tests.browser.accessible import assert_accessible, assert_fits_a_phone
from tests.browser.conftest import DESK
from tests.insights.visits import make_areas, make_visits


@pytest.mark.parametrize("areas", [0, 2, 10])
def test_the_pages_are_well_made_whatever_the_number_of_areas(page, site, anna, sign_in, areas):
    codes = [f"AREA/{number}" for number in range(areas)]
    make_areas(*codes, stores=12, places=True)
    for number, code in enumerate(codes):
        make_visits(code, stores=12, a_week=2, failing=0.4 if number == 1 else 0.03, owner=anna.pk, fewer=(2,))
    sign_in(anna)
    for address in ["/areas/", *(["/areas/area/?area=AREA%2F1"] if areas == 2 else [])]:
        assert page.goto(address).status == 200
        page.set_viewport_size(DESK)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for summary in page.locator("details > summary").all():
            summary.click()
        assert_accessible(page)
        assert_fits_a_phone(page)


@pytest.mark.parametrize("context_options", [{"java_script_enabled": False}], ids=["without JavaScript"])
def test_an_area_is_found_from_the_navigation(page, site, sign_in, context_options):
    root = User.objects.create_superuser("root")
    make_areas("A/1", "B", stores=12)
    for code in ("A/1", "B"):
        make_visits(code, stores=12, owner=root.pk)
    sign_in(root)
    page.goto("/jobs/")
    page.get_by_role("link", name="Areas", exact=True).click()
    page.get_by_label("Compare by").select_option("Download, mean")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("region", name="How areas compare")).to_contain_text("n downloads")
    page.get_by_role("region", name="How areas compare").get_by_role("link", name="A/1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Area A/1")
    expect(page.get_by_role("link", name="Its 12 stores")).to_be_visible()
