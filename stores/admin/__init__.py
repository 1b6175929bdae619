"""The admin's pages of the store master and of the imports it comes from."""

from stores.admin import group, rules, store, store_import
from stores.admin.areas import AreaFilter

__all__ = ["AreaFilter", "group", "rules", "store", "store_import"]
