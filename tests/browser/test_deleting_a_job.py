"""The journey of a person who deletes a job for good."""

from playwright.sync_api import expect

from jobs.models import DeletedJob, Job
from tests.browser.accessible import assert_accessible
from tests.factories import allow, submit_job


def test_a_person_is_told_what_goes_and_then_deletes_it(page, anna, sign_in):
    kept, job = (submit_job(3, store_id="nowhere", owner=anna) for _ in range(2))
    allow(anna, "delete_job")
    sign_in(anna)
    page.goto(f"/jobs/{job.pk}/")
    page.get_by_role("link", name="Delete …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Delete job {job.pk}?")
    expect(page.locator(".notice.warning")).to_contain_text("Nothing can undo this.")
    assert_accessible(page)
    page.get_by_role("link", name="Keep the job").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {job.pk}")

    page.get_by_role("link", name="Delete …").click()
    page.get_by_role("button", name="Delete the job").click()
    expect(page.get_by_role("status").first).to_contain_text(f"Job {job.pk} is deleted, with 3 images.")
    expect(page.locator(f'a[href="/jobs/{kept.pk}/"]')).to_have_count(1)
    expect(page.locator(f'a[href="/jobs/{job.pk}/"]')).to_have_count(0)
    assert Job.objects.get() == kept
    assert DeletedJob.objects.values_list("job_id", "user_name").get() == (job.pk, "anna")
