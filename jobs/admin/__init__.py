"""The admin's pages of jobs, visits, images, workers and paused hosts, and of what is kept of deleted jobs, one module
a page. They show rows; people act on them on the dashboard, and the queue moves them. Ended jobs can be deleted here.
"""

from django.contrib import admin

from jobs.admin import day_total, deleted_job, image_result, job, paused_host, visit, worker

__all__ = ["day_total", "deleted_job", "image_result", "job", "paused_host", "visit", "worker"]

admin.site.site_header = "Retail Pulse"
admin.site.site_title = "Retail Pulse"
admin.site.index_title = "Stores, jobs and workers"
# There is no page at the root of the site to lead to.
admin.site.site_url = None
