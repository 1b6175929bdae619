"""Links between the admin's pages. What a client sent is shown as text and is never a link to another site; what
cannot be seen of it is shown too."""

from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from retail_pulse.admin import dashboard_address
from stores.models import Store
from tables.cells import visible


def to_page(model: type[Model], pk: int, text: str) -> SafeString:
    """A link to one row's page."""
    return format_html('<a href="{}">{}</a>', reverse(_name(model, "change"), args=[pk]), visible(text))


def to_list(model: type[Model], text: str, **filters: object) -> SafeString:
    """A link to the list of the rows that match `filters`, which are the list's own query parameters."""
    return format_html('<a href="{}?{}">{}</a>', reverse(_name(model, "changelist")), urlencode(filters), visible(text))


def to_store_list(store_id: str) -> SafeString:
    """For lists of many rows: needs no query; the list it leads to is empty for an unknown store."""
    return to_list(Store, store_id, store_id=store_id)


def to_store_page(store_id: str) -> SafeString | str:
    """For the page of one row, in one query."""
    store = Store.objects.filter(store_id=store_id).first()
    if store is None:
        return f"{visible(store_id)}, not in the store master"
    return to_page(Store, store.pk, f"{store}, area {store.area_code}")


def to_dashboard(page: str, *arguments: int, text: str, **query: str) -> SafeString | str:
    """A link to the dashboard's page, on which people act; a dash where the service has no dashboard."""
    address = dashboard_address(page, *arguments)
    if address is None:
        return "-"
    return format_html('<a href="{}{}">{}</a>', address, f"?{urlencode(query)}" if query else "", text)


def _name(model: type[Model], page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
