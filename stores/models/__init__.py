from stores.models.categorising import Categorising
from stores.models.category import Category
from stores.models.group import StoreGroup
from stores.models.keyword import Keyword, Kind
from stores.models.store import MAX_LENGTHS, Store
from stores.models.store_import import StoreImport

__all__ = ["MAX_LENGTHS", "Categorising", "Category", "Keyword", "Kind", "Store", "StoreGroup", "StoreImport"]
